import { MillraceError } from "../errors/millrace-error.ts";
import type { Change } from "../model/change.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { Source, SourceSnapshot } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { backoffMs } from "./retry.ts";
import type { CompiledRoute } from "./routes.ts";
import { joined } from "./standing.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** A row that has to be read at the source because the sink cannot complete what a change left out. */
export interface WantedRow {
  readonly table: TableRuntime;
  /** The read waits until a snapshot sees its transaction. */
  readonly change: Change;
  /** The answer is mapped to its target. */
  readonly route: CompiledRoute;
}

interface SourceReadsParts {
  readonly source: Source;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly maxValueBytes: number;
  /** Makes state documents durable. */
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  /** The shape that the source's catalogue has now; null where the table is gone. */
  readonly currentShape: (table: TableRuntime) => Promise<TableShape | null>;
}

/**
 * Reads rows of changes whose UNCHANGED values the sink cannot give (I9). A read waits until its snapshot sees the
 * change; only then does "no row" mean deleted. The table's end position moves to the log end of the read, durably,
 * before any of it is written: what was read may be newer than the frontier.
 */
export class SourceReads {
  readonly #parts: SourceReadsParts;
  /** Shapes of the catalogue that the log has not told of yet, by the shape that they follow. */
  readonly #ahead = new Map<TableShape, TableShape>();
  /** The last move of a table's end, which may not be durable yet. */
  readonly #raised = new WeakMap<TableRuntime, Promise<void>>();

  constructor(parts: SourceReadsParts) {
    this.#parts = parts;
  }

  /** A source that is its log alone cannot be asked. */
  get possible(): boolean {
    return this.#parts.source.isLogOnly !== true;
  }

  /** Answers in the order asked: the row in its target's columns, or null where the source has deleted it. */
  async read(wanted: readonly WantedRow[]): Promise<(Row | null)[]> {
    const answers: (Row | null)[] = wanted.map(() => null);
    for (const [table, indexes] of groupByTable(wanted)) {
      const rows = await this.#readTable(
        table,
        indexes.map((i) => wanted[i]).filter((one) => one !== undefined),
      );
      for (const [n, i] of indexes.entries()) answers[i] = rows[n] ?? null;
    }
    return answers;
  }

  /**
   * The log may tell of a schema change only behind what has to be read now, so the rows are read as the catalogue has
   * them, and mapped to the targets as these are.
   */
  async #readTable(table: TableRuntime, wanted: readonly WantedRow[]): Promise<(Row | null)[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#readOnce(table, wanted);
      } catch (thrown) {
        if (!(await this.#looksAhead(table, thrown))) return wanted.map(() => null);
        await this.#sleep(attempt);
      }
    }
  }

  async #readOnce(table: TableRuntime, wanted: readonly WantedRow[]): Promise<(Row | null)[]> {
    const snapshot = await this.#openThatSees(wanted);
    try {
      return await this.#readRows(snapshot, table, wanted);
    } finally {
      await snapshot.close();
    }
  }

  /**
   * The same by a snapshot of the caller's own, who says what it has to see (replay); it is closed once the rows are
   * there. Null where the catalogue has
   * another shape than the one that was tried: ask again, in a new snapshot.
   */
  async readIn(
    snapshot: SourceSnapshot,
    table: TableRuntime,
    wanted: readonly WantedRow[],
  ): Promise<(Row | null)[] | null> {
    try {
      return await this.#readRows(snapshot, table, wanted);
    } catch (thrown) {
      return (await this.#looksAhead(table, thrown)) ? null : wanted.map(() => null);
    }
  }

  async #readRows(
    snapshot: SourceSnapshot,
    table: TableRuntime,
    wanted: readonly WantedRow[],
  ): Promise<(Row | null)[]> {
    const { source, maxValueBytes } = this.#parts;
    const shape = this.#ahead.get(table.shape) ?? table.shape;
    const keys = wanted.map(({ change }) => keyRowFor(shape, change));
    const rows = await snapshot.readRows(shape, keys, { maxValueBytes });
    // The sink is waited for next: the source's transaction is over before that.
    await snapshot.close();
    await this.#raiseEnd(table, snapshot);
    return wanted.map(({ route }, i) => {
      const row = rows.get(source.keyText(shape, keys[i] ?? []));
      return row === undefined
        ? null
        : (table.routeOf(shape, route.target.id)?.mapRead(row) ?? null);
    });
  }

  /** Where the table is not as its shape says: from now on as the catalogue says, or false where it is gone. */
  async #looksAhead(table: TableRuntime, thrown: unknown): Promise<boolean> {
    if (!(thrown instanceof MillraceError) || thrown.class !== "schema") throw thrown;
    const now = await this.#parts.currentShape(table);
    if (now === null) return false;
    this.#ahead.set(table.shape, now);
    return true;
  }

  async #openThatSees(wanted: readonly WantedRow[]): Promise<SourceSnapshot> {
    const ids = new Set(wanted.map(({ change }) => change.transaction?.id ?? null));
    const transactions = [...ids].filter((id) => id !== null);
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.#parts.source.openSnapshot({ reads: "row" });
      if (transactions.every((id) => snapshot.sees(id))) return snapshot;
      await snapshot.close();
      await this.#sleep(attempt);
    }
  }

  /** Where the end is far enough, another reader may have moved it just now: its document is waited for all the same. */
  async #raiseEnd(table: TableRuntime, snapshot: SourceSnapshot): Promise<void> {
    const before = table.document.end;
    const end = joined(this.#parts.source, before, snapshot.logEnd);
    if (end !== before) {
      // Until the frontier is there, the sink's copies may be newer than the log's place: no more SYNC (I7).
      table.update({ end, state: "INIT_SYNC" });
      this.#raised.set(table, this.#parts.writeState([table.stored]));
    }
    await this.#raised.get(table);
  }

  #sleep(attempt: number): Promise<void> {
    const { clock, random, signal } = this.#parts;
    return clock.sleep(backoffMs(attempt, 2, 1_000, random), signal);
  }
}

/** The key of a change's new row, in the column order of a shape of its table. */
function keyRowFor(shape: TableShape, change: Change): Row {
  const row = change.after ?? change.before ?? [];
  if (change.shape === shape) return row;
  return shape.columns.map((column) => {
    const index = change.shape.columns.findIndex((c) =>
      column.ordinal !== null && c.ordinal !== null
        ? c.ordinal === column.ordinal
        : c.name === column.name,
    );
    return index === -1 ? null : (row[index] ?? null);
  });
}

function groupByTable(wanted: readonly WantedRow[]): Map<TableRuntime, number[]> {
  const groups = new Map<TableRuntime, number[]>();
  for (const [i, row] of wanted.entries()) {
    const group = groups.get(row.table);
    if (group === undefined) groups.set(row.table, [i]);
    else group.push(i);
  }
  return groups;
}
