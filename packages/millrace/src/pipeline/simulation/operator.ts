import type { Crew, Running } from "./crew.ts";
import { Violation } from "./violation.ts";
import type { PipelineFile } from "./pipeline-file.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SourceServer } from "./source-server.ts";
import type { Watch } from "./watch.ts";

/** More dead letters than a seed can make. */
const NO_LIMIT = 1_000;
/** More of its log than the source keeps for a pipeline that has caught up. */
const LEAST_RETAINED_BYTES = 100;

interface OperatorParts {
  readonly crew: Crew;
  readonly server: SourceServer;
  readonly file: PipelineFile;
  readonly watch: Watch;
  /** Lets the world go on until something is so; false where it never becomes so. */
  readonly until: (isSo: () => boolean) => Promise<boolean>;
}

/** Somebody who runs the pipeline, and does what the documents tell. */
export class Operator {
  readonly #parts: OperatorParts;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  resync(random: SeededRandom): void {
    const one = this.#parts.crew.last();
    if (this.#parts.server.committed.size === 0) return;
    const table = random.pick([...this.#parts.server.committed.keys()]);
    if (one?.task.status().tables.some(({ id }) => id === table))
      one.task.resync(table).catch(() => undefined);
  }

  /** Pauses any table, or resumes it: whichever it is not. */
  pauseOrResume(random: SeededRandom): void {
    const one = this.#parts.crew.last();
    const tables = one?.task.status().tables ?? [];
    if (one === undefined || tables.length === 0) return;
    const { id, paused } = random.pick(tables);
    const done = paused === null ? one.task.pauseTable(id) : one.task.resumeTable(id);
    done.catch(() => undefined);
  }

  /** Nobody knows which letters are worth it, nor whether something runs. */
  replaySome(random: SeededRandom): void {
    const one = this.#parts.crew.last();
    if (one === undefined || one.task.status().fence === null) return;
    const ids = one.task.deadLetters().map(({ id }) => id);
    one.task.replay(ids.filter(() => random.chance(0.7))).catch(() => undefined);
  }

  /** At rest: what is left after this is refused, and rightly. */
  async replayAll(): Promise<void> {
    const { crew, watch, until } = this.#parts;
    for (const { task } of crew.alive()) {
      // It may be between two runs.
      if (!(await until(() => task.status().fence !== null))) throw new Violation("no run begins");
      const ids = task.deadLetters().map(({ id }) => id);
      let settled = ids.length === 0;
      const replay = task.replay(ids).finally(() => (settled = true));
      replay.catch((error: unknown) => watch.break(`a replay at rest: ${String(error)}`));
      if (!(await until(() => settled))) throw new Violation("a replay does not end");
    }
  }

  /**
   * A table is stopped, or the log is given up again and again for what the pipeline itself writes into it: the limits are
   * raised, which takes a new start.
   */
  raiseLimits(): void {
    const { file, crew } = this.#parts;
    const givesUp = file.maxRetainedAction === "resync" && file.maxRetainedBytes !== null;
    if (file.maxDeadLetters >= NO_LIMIT && !givesUp) return;
    file.maxDeadLetters = NO_LIMIT;
    if (givesUp) file.maxRetainedBytes = LEAST_RETAINED_BYTES;
    crew.crashAll();
  }

  /** Tables that are stopped or paused are loaded anew, once the limit is one that they can keep. */
  async bringBack({ task }: Running): Promise<void> {
    for (const { id, stopped, paused } of task.status().tables) {
      if (stopped === null && paused === null) continue;
      let done = false;
      const back = paused === null ? task.resync(id) : task.resumeTable(id);
      back.catch(() => undefined).finally(() => (done = true));
      await this.#parts.until(() => done);
    }
  }

  /** Everything that still runs is told to stop, and does, with nothing left in its budget. */
  async stopAll(): Promise<void> {
    for (const one of this.#parts.crew.alive()) {
      this.#refuseUsed(one, "at rest");
      void one.task.stop();
      if (!(await this.#parts.until(() => one.ended)))
        throw new Violation("the task does not stop");
      this.#refuseUsed(one, "after stop");
    }
  }

  #refuseUsed({ budget }: Running, when: string): void {
    if (budget.usedBytes !== 0)
      throw new Violation(`${budget.usedBytes} bytes are still out of the budget ${when}`);
  }
}
