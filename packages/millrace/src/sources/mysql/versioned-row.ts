import { UNCHANGED, type Value } from "../../model/value.ts";
import type { RowOp } from "./event-types.ts";

/** Ends of rows that have none: TIMESTAMP(6) of MariaDB before 11.5 and since, and transaction ids. */
const ENDLESS: ReadonlySet<Value> = new Set<Value>([
  "2038-01-19 03:14:07.999999+00",
  "2106-02-07 06:28:15.999999+00",
  "18446744073709551615",
]);

/**
 * What a row event of a system-versioned table does to the rows that the table has now; null where it writes history alone.
 * MariaDB logs a DELETE as the update that ends a row, and an UPDATE with an insert of the old row, ended.
 */
export function versionedOp(
  op: RowOp,
  before: readonly Value[] | null,
  after: readonly Value[] | null,
  rowEnd: number,
): RowOp | null {
  const was = isCurrent(before, rowEnd);
  const is = isCurrent(after, rowEnd);
  if (op !== "u") return was || is ? op : null;
  if (was) return is ? "u" : "d";
  return is ? "c" : null;
}

function isCurrent(row: readonly Value[] | null, rowEnd: number): boolean {
  const end = row?.[rowEnd];
  return end === UNCHANGED || (end !== undefined && ENDLESS.has(end));
}
