import type { Change } from "../model/change.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { TransactionId } from "../model/position.ts";
import type { Source, SourceSnapshot } from "../model/source.ts";
import type { Row } from "../model/value.ts";
import { backoffMs } from "./retry.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** A row that has to be read at the source: its key in the source's columns, and the transaction that changed it last. */
export interface WantedRow {
  readonly table: TableRuntime;
  /** In the source shape's column order, key columns filled. */
  readonly keyRow: Row;
  readonly transaction: TransactionId | null;
}

interface SourceReadsParts {
  readonly source: Source;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly maxValueBytes: number;
  /** Makes state documents durable, through lane 0. */
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
}

/**
 * Reads rows of changes whose UNCHANGED values the sink cannot give (I9). A read waits until its snapshot sees the
 * change; only then does "no row" mean deleted. The table's end position moves to the log end of the read, durably,
 * before any of it is written: what was read may be newer than the frontier.
 */
export class SourceReads {
  readonly #parts: SourceReadsParts;

  constructor(parts: SourceReadsParts) {
    this.#parts = parts;
  }

  /** Answers in the order asked: the row in its shape's columns, or null where it is deleted. */
  async read(wanted: readonly WantedRow[]): Promise<(Row | null)[]> {
    const snapshot = await this.#openThatSees(wanted);
    try {
      const answers: (Row | null)[] = wanted.map(() => null);
      for (const [table, indexes] of groupByTable(wanted)) {
        const shape = table.shape;
        const keys = indexes.map((i) => wanted[i]?.keyRow ?? []);
        const rows = await snapshot.readRows(shape, keys, {
          maxValueBytes: this.#parts.maxValueBytes,
        });
        for (const [n, i] of indexes.entries()) {
          answers[i] = rows.get(this.#parts.source.keyText(shape, keys[n] ?? [])) ?? null;
        }
        await this.#raiseEnd(table, snapshot);
      }
      return answers;
    } finally {
      await snapshot.close();
    }
  }

  async #openThatSees(wanted: readonly WantedRow[]): Promise<SourceSnapshot> {
    const transactions = new Set(wanted.map((w) => w.transaction).filter((t) => t !== null));
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.#parts.source.openSnapshot();
      if ([...transactions].every((t) => snapshot.sees(t))) return snapshot;
      await snapshot.close();
      await this.#parts.clock.sleep(
        backoffMs(attempt, 2, 1_000, this.#parts.random),
        this.#parts.signal,
      );
    }
  }

  async #raiseEnd(table: TableRuntime, snapshot: SourceSnapshot): Promise<void> {
    const end = table.document.end;
    if (end !== null && this.#parts.source.comparePositions(end, snapshot.logEnd) >= 0) return;
    table.update({ end: snapshot.logEnd });
    await this.#parts.writeState([table.stored]);
  }
}

/** The key of a change's new row, in the column order of the table's present shape. */
export function keyRowFor(table: TableRuntime, change: Change): Row {
  const row = change.after ?? change.before ?? [];
  const { shape } = table;
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
