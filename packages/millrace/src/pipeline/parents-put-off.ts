import type { ConstraintOrder } from "./constraint-order.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { isPutOff } from "./put-off.ts";
import { PutOffCohort } from "./put-off-cohort.ts";
import type { TableId } from "../model/table.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** Those that a table without key waits for, in one generation of its load. */
interface Wait {
  readonly generation: number;
  readonly cohort: PutOffCohort;
}

/**
 * Rows of a table's parents that are put off: what points at them is refused, and a row without key is put off by nobody
 * (design/002). Only those count that stood when the table was about to be read: others may come behind them for ever.
 */
export class ParentsPutOff {
  readonly #order: Pick<ConstraintOrder, "loadsBehind">;
  readonly #book: Pick<DeadLetterBook, "list" | "putOffOf" | "arrivals">;
  readonly #waits = new Map<TableId, Wait>();

  constructor(
    order: Pick<ConstraintOrder, "loadsBehind">,
    book: Pick<DeadLetterBook, "list" | "putOffOf" | "arrivals">,
  ) {
    this.#order = order;
    this.#book = book;
  }

  /** Whether some of them stand. Asked first while the lanes are drained: then all of them are in the book. */
  mustWait(table: TableRuntime): boolean {
    const parents = this.#order
      .loadsBehind(table)
      .filter(({ id, early }) => early && this.#book.putOffOf(id) > 0);
    if (parents.length === 0) return false;
    const ids = new Set(parents.map(({ id }) => id));
    const cohort = this.#cohortOf(table, [...ids]);
    return this.#book
      .list()
      .some((letter) => ids.has(letter.table) && isPutOff(letter) && cohort.has(letter));
  }

  #cohortOf({ id, document }: TableRuntime, parents: readonly TableId[]): PutOffCohort {
    const { generation } = document;
    const before = this.#waits.get(id);
    if (before?.generation === generation) return before.cohort;
    const cohort = PutOffCohort.of(id, parents, this.#book.arrivals);
    this.#waits.set(id, { generation, cohort });
    return cohort;
  }
}
