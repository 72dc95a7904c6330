import type { Column, TableShape } from "../model/table.ts";
import { diffShapes } from "./shape-diff.ts";

/**
 * Columns that have to be read again where the catalogue tells of a shape before the log does. Chunks that were read in
 * the old shape lack the new columns, and the log may never tell of their values. Where everything `isLoaded`, the log
 * does, but for values that came with the column, or were there before without being logged.
 */
export function rewrittenAhead(before: TableShape, now: TableShape, isLoaded: boolean): string[] {
  const { added, retyped } = diffShapes(before, now);
  const isOpen = before.columns.some((column) => column.ordinal === null);
  const newest = Math.max(...before.columns.map((column) => column.ordinal ?? 0));
  const mayHoldValues = ({ filled, ordinal }: Column): boolean =>
    filled === true || (ordinal ?? 0) < newest;
  const read = added.filter((column) => !isLoaded || isOpen || mayHoldValues(column));
  return [...read, ...retyped.map(({ to }) => to)].map((column) => column.name);
}
