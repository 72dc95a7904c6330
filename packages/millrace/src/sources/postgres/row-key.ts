import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import type { RowEvent } from "./pgoutput-decoder.ts";

/**
 * Of an update or delete. Without the old key of a deleted or moved row, or the whole old row of a table that has no key, nobody could say
 * which row the change is about: it must not pass (I1).
 * @throws MillraceError MR_SOURCE_REFUSED with the remedy.
 */
export function checkOldRow(shape: TableShape, event: RowEvent): void {
  const { old } = event;
  const isComplete =
    shape.key.length > 0
      ? old === null || shape.key.every((index) => old[index] !== UNCHANGED)
      : old !== null && !old.includes(UNCHANGED);
  if (isComplete) return;
  throw new MillraceError(
    "MR_SOURCE_REFUSED",
    `the log of ${shape.id} does not hold the ${shape.key.length > 0 ? "old key" : "old row"} of a changed row; ` +
      `run: ALTER TABLE ${shape.id} REPLICA IDENTITY FULL, then resync the table`,
    { facts: { table: shape.id } },
  );
}

/** Weight of a row's values that are held, bytes; for rows whose size on the wire says little. */
export function heldBytes(row: Row | null): number {
  let bytes = 0;
  for (const value of row ?? []) {
    if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  }
  return bytes;
}
