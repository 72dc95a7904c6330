import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Waits } from "./waits.ts";

const WHY =
  "transactions that are older than its joining the publication have to end at the source before it is read";

interface JoiningTablesParts {
  readonly source: Pick<Source, "safeToSnapshot" | "logEnd" | "nudge" | "comparePositions">;
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

  /** `onFree` is called when a table may be read. */
  constructor(parts: JoiningTablesParts, onFree: (table: TableRuntime) => void) {
    this.#parts = parts;
    this.#onFree = onFree;
  }

  hold(tables: readonly TableRuntime[]): void {
    if (tables.length === 0) return;
    const { waits, signal } = this.#parts;
    for (const table of tables) {
      table.held = true;
      const wait = {
        what: "table",
        reason: "older-transactions",
        table: table.id,
        why: WHY,
      } as const;
      waits.begin(nameOf(table), wait, signal);
    }
    this.#wait(tables).catch(this.#parts.fail);
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
