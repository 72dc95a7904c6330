/**
 * Rows of a portal that are here already and told in parts, as PostgreSQL would tell them: those of a write, which runs
 * whole at its first Execute, and the rest of a read whose transaction is parked.
 */
import { commandComplete, Frames, Type } from "../wire/messages.ts";
import type { Answer } from "./answer.ts";
import type { Violation } from "../rules/rule.ts";

/** What an Execute is told. */
export interface Part {
  readonly frames: readonly Buffer[];
  /** What came instead of the next row. */
  readonly violation: Violation | undefined;
}

/** One per portal. */
export class KeptRows {
  #rows: readonly Buffer[];
  readonly #answer: Answer;

  /** `answer` has been told in no part yet. */
  constructor(answer: Answer) {
    this.#answer = answer;
    this.#rows = answer.rows.splice(0);
  }

  /** The next rows, at most so many, or all for 0, and what ends them. */
  take(most: number): Part {
    const part = most > 0 ? this.#rows.slice(0, most) : this.#rows;
    this.#rows = this.#rows.slice(part.length);
    if (most > 0 && part.length === most) {
      return { frames: [...part, Frames.portalSuspended], violation: undefined };
    }
    const { violation } = this.#answer;
    if (violation !== undefined) return { frames: part, violation };
    return { frames: [...part, this.#end(part.length)], violation };
  }

  /** The tag tells how many rows this part has. */
  #end(rows: number): Buffer {
    return commandComplete(this.#answer.tag.replace(/\d+$/, String(rows)));
  }
}

/** A portal that has been told in part. */
export interface ToldInParts {
  readonly name: string;
  /** How many rows the Execute asks for; 0 for all. */
  readonly most: number;
  /** Whether its name still stands for it. */
  readonly isThere: () => boolean;
  readonly keep: (rows: KeptRows) => void;
}

/** Whether an answer ends where more rows may follow. */
export function isSuspended({ complete }: Answer): boolean {
  return complete?.[0] === Type.portalSuspended;
}
