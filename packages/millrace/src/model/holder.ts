import type { Random } from "./ports.ts";

/** Who holds a pipeline's task, and with which fence: written by each takeover in its own transaction. */
export interface HolderMark {
  readonly process: string;
  readonly fence: number;
}

/**
 * One process as a holder of a task. A process that has taken over once and finds that another one did so since was
 * superseded: it stops instead of taking over again (I5: "a fenced task never restarts itself").
 */
export class Holder {
  readonly process: string;
  /** The only foreign holder that may be found: the one that was there before an own takeover of unknown outcome. */
  #before: string | null = null;
  #mayHold = false;

  constructor(random: Random) {
    const parts = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32));
    this.process = parts.map((part) => part.toString(16).padStart(8, "0")).join("");
  }

  /** Whether another process has taken over since this one did: `mark` as it stands, under the greatest `fence`. */
  isSuperseded(mark: HolderMark | null, fence: number): boolean {
    return this.#mayHold && !this.#isOwn(mark, fence) && standing(mark, fence) !== this.#before;
  }

  /** The takeover is durable. */
  took(): void {
    this.#mayHold = true;
    this.#before = null;
  }

  /** Nobody knows whether the takeover that found `mark` landed (I6): until it is known, both are no surprise. */
  mayHaveTaken(mark: HolderMark | null, fence: number): void {
    this.#mayHold = true;
    this.#before = this.#isOwn(mark, fence) ? null : standing(mark, fence);
  }

  /** A fence above the mark's was raised by a program that left no mark. */
  #isOwn(mark: HolderMark | null, fence: number): boolean {
    return mark !== null && mark.process === this.process && mark.fence === fence;
  }
}

function standing(mark: HolderMark | null, fence: number): string {
  return `${mark?.process ?? ""}/${mark?.fence ?? 0}/${fence}`;
}
