import type { Random } from "./ports.ts";

/** Who holds a pipeline's task, and with which fence: written by each takeover in its own transaction. */
export interface HolderMark {
  readonly process: string;
  readonly fence: number;
  /** Where it runs; marks of older programs have none. */
  readonly who?: ProcessName;
}

/** A process as an operator finds it. */
export interface ProcessName {
  readonly host: string;
  readonly pid: number;
  /** When it started, milliseconds since 1970. */
  readonly startedMs: number;
}

/** Who had a task before a takeover. */
export interface Predecessor {
  /** In words for the operator. */
  readonly text: string;
  /** Null where it is of another host, and nobody here can tell. */
  readonly stillRuns: true | null;
}

/** Whether a process is there; null where it is of another host. */
export type IsThere = (who: ProcessName) => boolean | null;

/** Who holds a task, in words; empty where nobody knows. */
export function holderText(mark: HolderMark | null): string {
  if (mark?.who === undefined) return "";
  const { host, pid, startedMs } = mark.who;
  return `process ${pid} on ${host}, started ${new Date(startedMs).toISOString()}`;
}

/** What is told of a task that another process has taken, or whose state was taken away: every takeover leaves a mark. */
export function takenOverText(mark: HolderMark | null, fence: number): string {
  return fencedText(mark === null ? null : holderText(mark), `fence ${fence}`);
}

/** `who` is null where nobody has the task now, and empty where whoever has it left no name. */
export function fencedText(who: string | null, fence: string): string {
  return who === null
    ? `no process has the pipeline now (${fence}): its state was taken away, as \`millrace cleanup --state\` does`
    : `another process took over with ${fence}${who === "" ? "" : `: ${who}`}`;
}

/** What the sink knows of who has a task. */
export interface TaskHolder {
  readonly task: string;
  readonly mark: HolderMark | null;
  /** The last fence under which a process has said that it stopped; null before the first. */
  readonly releasedFence: number | null;
}

/** Whether a process is at work under this mark: no, surely, or nobody can tell from here. */
export function isHeld(
  { mark, releasedFence }: Omit<TaskHolder, "task">,
  isThere: IsThere,
): boolean | null {
  // A mark without a name is an older program's, which nobody could find.
  if (mark?.who === undefined || mark.fence === releasedFence) return false;
  return isThere(mark.who);
}

/**
 * One process as a holder of a task. A process that has taken over once and finds that another one did so since was
 * superseded: it stops instead of taking over again (I5: "a fenced task never restarts itself").
 */
export class Holder {
  readonly process: string;
  readonly #who: ProcessName | undefined;
  readonly #isThere: IsThere;
  /** The only foreign holder that may be found: the one that was there before an own takeover of unknown outcome. */
  #before: string | null = null;
  /** Who was found by the first of those takeovers: the next one finds our own mark where it landed. */
  #foundBefore: HolderMark | null = null;
  #mayHold = false;

  constructor(random: Random, who?: ProcessName, isThere: IsThere = () => null) {
    this.#who = who;
    this.#isThere = isThere;
    const parts = Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32));
    this.process = parts.map((part) => part.toString(16).padStart(8, "0")).join("");
  }

  /** What a takeover of this process leaves. */
  mark(fence: number): HolderMark {
    const who = this.#who;
    return { process: this.process, fence, ...(who === undefined ? {} : { who }) };
  }

  /** Another process that has had the task until now and may be at work still; null where there is none, or it is gone. */
  #predecessor(found: HolderMark | null): Predecessor | null {
    const mark = found?.process === this.process ? this.#foundBefore : found;
    if (mark?.who === undefined) return null;
    const { host, pid, startedMs } = mark.who;
    const own = this.#who;
    if (own?.pid === pid && own.host === host && own.startedMs === startedMs) return null;
    const isThere = this.#isThere(mark.who);
    return isThere === false ? null : { text: holderText(mark), stillRuns: isThere };
  }

  /** Whether another process has taken over since this one did: `mark` as it stands, under the greatest `fence`. */
  isSuperseded(mark: HolderMark | null, fence: number): boolean {
    return this.#mayHold && !this.#isOwn(mark, fence) && standing(mark, fence) !== this.#before;
  }

  /**
   * The takeover that found this mark is durable: from whom it took the task. Also where an own takeover of unknown outcome
   * turns out to have landed, whose mark is all that the next one finds.
   */
  took(found: HolderMark | null): Predecessor | null {
    const from = this.#predecessor(found);
    this.#mayHold = true;
    this.#before = null;
    this.#foundBefore = null;
    return from;
  }

  /** Nobody knows whether the takeover that found `mark` landed (I6): until it is known, both are no surprise. */
  mayHaveTaken(mark: HolderMark | null, fence: number): void {
    this.#mayHold = true;
    this.#before = this.#isOwn(mark, fence) ? null : standing(mark, fence);
    if (mark?.process !== this.process) this.#foundBefore = mark;
  }

  /** A fence above the mark's was raised by a program that left no mark. */
  #isOwn(mark: HolderMark | null, fence: number): boolean {
    return mark !== null && mark.process === this.process && mark.fence === fence;
  }
}

function standing(mark: HolderMark | null, fence: number): string {
  return `${mark?.process ?? ""}/${mark?.fence ?? 0}/${fence}`;
}
