/** What the rows of a statement are charged for, by what is known of them without looking at them. */
import { LEAST_BYTES } from "../control/dpu.ts";
import type { Statement } from "../gate/statement.ts";
import type { TableFacts } from "./table-facts.ts";

/** Rows that were written. */
export interface Charged {
  readonly statement: Statement;
  readonly rows: number;
  /** The bytes that carried their values. */
  readonly messageBytes: number;
}

/** Bytes written to the table and to its secondary indexes, each row and entry with its least. */
export function chargedBytes(
  { statement, rows, messageBytes }: Charged,
  facts: TableFacts,
): number {
  const isUpdate = statement.updatedColumns.length > 0 && !statement.inserts;
  const stays = isUpdate || statement.growth === "unknown" ? facts.averageRowBytes : 0;
  const rowBytes = statement.writesRows
    ? Math.max(messageBytes / rows, stays, LEAST_BYTES)
    : LEAST_BYTES;
  return Math.round(rows * (rowBytes + entriesOf(statement, isUpdate, facts) * LEAST_BYTES));
}

/** An update of an index's column takes one entry away and brings another; others leave the index alone. */
function entriesOf(statement: Statement, isUpdate: boolean, facts: TableFacts): number {
  if (!isUpdate) return facts.secondaryIndexes;
  const secondary = facts.indexes.filter((index) => !index.primary);
  const touched = secondary.filter((index) =>
    index.columns.some((column) => statement.updatedColumns.includes(column)),
  );
  return 2 * touched.length;
}
