import { MillraceError } from "../../errors/millrace-error.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import type { RowPlan } from "./row-plan.ts";

/**
 * Without the old key of a changed row, or the whole old row of a table that has no key, nobody could say which row the
 * change is about: it must not pass (I1).
 */
export function checkOldRow({ shape }: RowPlan, before: Row | null): void {
  if (before === null) return;
  const isComplete =
    shape.key.length > 0
      ? shape.key.every((index) => before[index] !== UNCHANGED)
      : !before.includes(UNCHANGED);
  if (!isComplete)
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `the log of ${shape.id} does not hold what a changed row was before; set binlog_row_image to FULL, ` +
        "then resync the table",
      { facts: { table: shape.id } },
    );
}

/** The log has what nobody can apply; only another way of logging helps. */
export function refusedLog(why: string): MillraceError {
  return new MillraceError("MR_SOURCE_REFUSED", why, {
    remedy:
      "Set binlog_format to ROW for every session that writes, then resync the pipeline's tables.",
  });
}

/** Weight of a row's values that are held, bytes; for rows whose size in the log says little. */
export function heldBytes(row: Row | null): number {
  let bytes = 0;
  for (const value of row ?? [])
    if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}
