import type { Clock } from "../model/ports.ts";
import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Waits } from "./waits.ts";

const WHY =
  "transactions that are older than its being captured have to end at the source before it is read";

interface JoiningTablesParts {
  readonly source: Pick<
    Source,
    "safeToSnapshot" | "initSyncDelay" | "logEnd" | "nudge" | "comparePositions"
  >;
  readonly clock: Pick<Clock, "sleep">;
  /** What is durable of the log. */
  readonly durable: () => Position;
  readonly waits: Pick<Waits, "begin" | "end">;
  readonly signal: AbortSignal;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
}

/** Tables that were captured before, and where the log ended when nothing older was under way any more. */
interface Returning {
  readonly tables: readonly TableRuntime[];
  readonly end: Position;
}

/**
 * Tables that join the log. Their first snapshot waits until every transaction older than that has ended (I7).
 *
 * What the log still has of a table from before it left is older than the load, and what came between is in no log: a
 * chunk's row that is struck for the sake of an older change would be lost, and a ghost spared. So the log of a table that
 * comes back is followed first, to where it ended after that wait.
 */
export class JoiningTables {
  readonly #parts: JoiningTablesParts;
  readonly #onFree: (table: TableRuntime) => void;
  #returning: Returning | null = null;
  #delayed: Promise<void> = Promise.resolve();

  /** `onFree` is called when a table may be read. */
  constructor(parts: JoiningTablesParts, onFree: (table: TableRuntime) => void) {
    this.#parts = parts;
    this.#onFree = onFree;
  }

  hold(tables: readonly TableRuntime[]): void {
    if (tables.length === 0) return;
    for (const table of tables) this.#hold(table, "older-transactions", WHY);
    this.#wait(tables).catch(this.#parts.fail);
  }

  /** Tables whose INIT_SYNC is to begin only some time after the run has. */
  delay(tables: readonly TableRuntime[]): void {
    const { source, clock, signal, fail } = this.#parts;
    const delay = source.initSyncDelay;
    if (delay === undefined || delay.ms <= 0 || tables.length === 0) return;
    const free = tables.filter(({ held }) => !held);
    for (const table of free) this.#hold(table, "init-sync-delay", delay.why);
    this.#delayed = clock.sleep(delay.ms, signal);
    this.#delayed.then(() => this.#free(free)).catch(fail);
  }

  #hold(table: TableRuntime, reason: string, why: string): void {
    table.held = true;
    const wait = { what: "table", reason, table: table.id, why } as const;
    this.#parts.waits.begin(nameOf(table), wait, this.#parts.signal);
  }

  /** The frontier has moved. */
  onFrontier(): void {
    const { source, durable } = this.#parts;
    const returning = this.#returning;
    if (returning === null || source.comparePositions(durable(), returning.end) < 0) return;
    this.#returning = null;
    this.#free(returning.tables);
  }

  async #wait(tables: readonly TableRuntime[]): Promise<void> {
    const { source, signal } = this.#parts;
    const ids = tables.map((table) => table.id);
    await source.safeToSnapshot(ids, signal);
    await this.#delayed;
    const returning = tables.filter(({ document }) => document.sweep === "due");
    this.#free(tables.filter((table) => !returning.includes(table)));
    if (returning.length === 0) return;
    this.#returning = { tables: returning, end: await source.logEnd() };
    void source.nudge();
    this.onFrontier();
  }

  #free(tables: readonly TableRuntime[]): void {
    for (const table of tables) {
      table.held = false;
      this.#parts.waits.end(nameOf(table));
      // Who has stopped its load meanwhile begins it himself: never beside a barrier (I2).
      if (!table.loading.signal.aborted) this.#onFree(table);
    }
  }
}

function nameOf({ id }: TableRuntime): string {
  return `joining/${id}`;
}
