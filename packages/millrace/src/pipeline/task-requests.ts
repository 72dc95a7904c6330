import { MillraceError, type ErrorClass } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import type { DeadLetter, ReplayOutcome } from "../model/dead-letter.ts";
import type { TableId } from "../model/table.ts";
import { RestartNeeded } from "./committer.ts";
import type { LetterDesk } from "./letter-desk.ts";
import { RunEnded } from "./run-ended.ts";
import type { Run } from "./run.ts";

/** What of a run is asked for. */
type AskedRun = Pick<Run, "letters" | "resync" | "pauseTable" | "resumeTable">;

/** What a run fails with that the next one may do. */
const PASSING: ReadonlySet<ErrorClass> = new Set([
  "transient",
  "conflict",
  "unknown-outcome",
  "schema",
]);

/**
 * What a task is asked to do from outside, while one run follows another. What is asked of a table may be done twice, so
 * that a run that ends meanwhile leaves it to the next one. Letters are not: who asked looks what became of them.
 */
export class TaskRequests {
  #run: AskedRun | null = null;
  #waiting: (() => void)[] = [];

  /** A run has begun, or the one there was has ended. */
  now(run: AskedRun | null): void {
    this.#run = run;
    if (run !== null) this.#wake();
  }

  /** The task has ended: whoever waits for its next run waits in vain. */
  end(): void {
    this.#run = null;
    this.#wake();
  }

  /** Begins a new generation of a table. */
  resync(table: TableId): Promise<void> {
    return this.#ofTables((run) => run.resync(table));
  }

  /** Takes a table out of the way. */
  pauseTable(table: TableId): Promise<void> {
    return this.#ofTables((run) => run.pauseTable(table));
  }

  /** Brings a paused table back. */
  resumeTable(table: TableId): Promise<void> {
    return this.#ofTables((run) => run.resumeTable(table));
  }

  /** Dead letters that stand. */
  deadLetters(): readonly DeadLetter[] {
    return this.#current.letters.list();
  }

  /** Reads rows of letters once more. */
  replay(ids: readonly string[]): Promise<readonly ReplayOutcome[]> {
    return this.#atTheDesk((letters) => letters.replay(ids));
  }

  /** Takes letters away. */
  discard(ids: readonly string[]): Promise<readonly DeadLetter[]> {
    return this.#atTheDesk((letters) => letters.discard(ids));
  }

  get #current(): AskedRun {
    if (this.#run !== null) return this.#run;
    throw new MillraceError("MR_NOT_RUNNING", "the pipeline is not running");
  }

  async #ofTables(work: (run: AskedRun) => Promise<void>): Promise<void> {
    for (;;) {
      const run = this.#current;
      try {
        return await work(run);
      } catch (thrown) {
        if (!isPassing(thrown)) throw toMillraceError(thrown, "MR_BUG");
      }
      if (this.#run === run || this.#run === null)
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #atTheDesk<T>(work: (letters: LetterDesk) => Promise<T>): Promise<T> {
    const { letters } = this.#current;
    try {
      return await work(letters);
    } catch (thrown) {
      if (this.#run?.letters === letters || thrown instanceof MillraceError) throw thrown;
      const what = "the pipeline began anew meanwhile; the letters that stand tell what was done";
      throw new MillraceError("MR_NOT_RUNNING", what, { cause: thrown });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The run has ended, or will of this. What nobody foresaw is told: it may not end, or end each run that is asked. */
function isPassing(thrown: unknown): boolean {
  if (thrown instanceof MillraceError) return PASSING.has(thrown.class);
  return thrown instanceof RestartNeeded || thrown instanceof RunEnded;
}
