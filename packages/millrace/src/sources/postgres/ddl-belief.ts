import type { Column, TableShape } from "../../model/table.ts";

/** A column as the catalogue has it after a message about its table was written. */
export interface LiveColumn {
  readonly attnum: number;
  readonly name: string;
  readonly isDropped: boolean;
  readonly isGenerated: boolean;
  /** No log carries it. */
  readonly isHidden: boolean;
  /** Our publication does not let it through. */
  readonly isLeftOut: boolean;
  /** Nothing about it has changed since before the part of the log that is still to be read. */
  readonly isSettled: boolean;
}

/**
 * Whether the catalogue rules out that a shape that a message tells was ever the table's. Any role of the source can
 * write such a message, so that what it says is held against what is certain:
 *
 * - Attnums are given in order and never again. One above all of the catalogue's never was.
 * - A column that is there now was there since it was added. It cannot be missing where it was known before the message,
 *   is below a column that the message names, or has not been touched since before the log.
 * - One that has not been touched since then has had its name, and was dropped before, where it is dropped.
 *
 * `live` are all columns of a moment that is not before the message, dropped ones too.
 */
export function isRuledOut(
  told: TableShape,
  previous: TableShape,
  live: readonly LiveColumn[],
): boolean {
  if (live.length === 0) return false;
  const byAttnum = new Map(live.map((column) => [column.attnum, column]));
  const columns = new Map(told.columns.map((column) => [column.ordinal, column]));
  const known = new Set(previous.columns.map(provenOrdinal));
  const highest = Math.max(0, ...told.columns.map(({ ordinal }) => ordinal ?? 0));
  const isMissing = ({
    attnum,
    isDropped,
    isGenerated,
    isHidden,
    isLeftOut,
    isSettled,
  }: LiveColumn) =>
    !(isDropped || isGenerated || isHidden || isLeftOut || columns.has(attnum)) &&
    (isSettled || attnum < highest || known.has(attnum));
  return (
    columns.size < told.columns.length ||
    told.columns.some((column) => isNever(column, byAttnum)) ||
    live.some(isMissing)
  );
}

function provenOrdinal({ ordinal, unproven }: Column): number | null {
  return unproven === true ? null : (ordinal ?? null);
}

function isNever({ name, ordinal }: Column, live: ReadonlyMap<number, LiveColumn>): boolean {
  const now = live.get(ordinal ?? 0);
  return now === undefined || (now.isSettled && (now.isDropped || now.name !== name));
}
