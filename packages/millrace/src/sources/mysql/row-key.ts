import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { UNCHANGED, type Row } from "../../model/value.ts";
import { ANEW } from "./log-refusals.ts";
import type { RowPlan } from "./row-plan.ts";

/**
 * Without the old key of a changed row or the key of a new one, or a whole row of a table that has no key, nobody could say
 * which row the change is about, nor read what it left out: it must not pass (I1).
 */
export function checkRows({ shape }: RowPlan, before: Row | null, after: Row | null): void {
  const isKnown = isTold(shape, before);
  if (isKnown && isTold(shape, after)) return;
  const what = isKnown ? "a new row is" : "a changed row was before";
  throw new MillraceError(
    "MR_SOURCE_UNREADABLE",
    `the log of ${shape.id} does not hold what ${what}`,
    {
      remedy: `Set binlog_row_image to FULL for every session that writes. ${ANEW}`,
      facts: { table: shape.id },
    },
  );
}

function isTold({ key }: TableShape, row: Row | null): boolean {
  if (row === null) return true;
  if (key.length === 0) return !row.includes(UNCHANGED);
  for (const index of key) if (row[index] === UNCHANGED) return false;
  return true;
}

/** Weight of a row's values that are held, bytes; for rows whose size in the log says little. */
export function heldBytes(row: Row | null): number {
  let bytes = 0;
  for (const value of row ?? [])
    if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}
