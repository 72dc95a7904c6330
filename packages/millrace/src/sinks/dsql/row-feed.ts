import type { Row } from "../../model/value.ts";
import { columnLiteral, parameterText } from "./array-literal.ts";
import type { Feed } from "./table-statements.ts";

/** Some rows of a write as the parameters of one statement. */
export interface Feeding {
  readonly feed: Feed;
  readonly values: readonly (string | null)[];
  /** The first row and the one after the last. */
  readonly from: number;
  readonly to: number;
}

/** Rows per VALUES statement: few sizes, so that few plans are kept. */
const VALUES_ROWS = [256, 32, 4, 1];

/** The protocol counts parameters in 16 bits. */
const MAX_PARAMETERS = 60_000;

/** Turns rows into parameters, cut so that no message is over the server's limit. */
export function feedRows(
  rows: readonly Row[],
  columns: readonly number[],
  options: { readonly arrays: boolean; readonly maxBytes: number },
): readonly Feeding[] {
  if (options.arrays) return asArrays(rows, columns, options.maxBytes, 0, rows.length);
  return asValues(rows, columns, options.maxBytes);
}

/**
 * HOT PATH: one array literal per column. Where they are over the size of a message the rows are cut in halves: the
 * server would close the connection without a word.
 */
function asArrays(
  rows: readonly Row[],
  columns: readonly number[],
  maxBytes: number,
  from: number,
  to: number,
): Feeding[] {
  if (from >= to) return [];
  const values = columns.map((column) => columnLiteral(rows, column, from, to));
  if (to - from === 1 || fits(values, maxBytes)) return [{ feed: "arrays", values, from, to }];
  const middle = (from + to) >>> 1;
  return [
    ...asArrays(rows, columns, maxBytes, from, middle),
    ...asArrays(rows, columns, maxBytes, middle, to),
  ];
}

function asValues(rows: readonly Row[], columns: readonly number[], maxBytes: number): Feeding[] {
  const feedings: Feeding[] = [];
  const most = Math.max(1, Math.floor(MAX_PARAMETERS / Math.max(columns.length, 1)));
  for (let from = 0; from < rows.length;) {
    const left = Math.min(rows.length - from, most);
    const sizes = VALUES_ROWS.filter((size) => size <= left);
    const made = sizes.map((size) => ({
      size,
      values: parametersOf(rows, columns, from, from + size),
    }));
    const chosen = made.find(({ size, values }) => size === 1 || fits(values, maxBytes));
    const { size, values } = chosen ?? {
      size: 1,
      values: parametersOf(rows, columns, from, from + 1),
    };
    feedings.push({ feed: size, values, from, to: from + size });
    from += size;
  }
  return feedings;
}

function parametersOf(
  rows: readonly Row[],
  columns: readonly number[],
  from: number,
  to: number,
): (string | null)[] {
  return rows.slice(from, to).flatMap((row) => columns.map((column) => parameterText(row[column])));
}

/** UTF-8 takes at most three bytes per UTF-16 unit, so that most literals are not counted twice. */
function fits(values: readonly (string | null)[], maxBytes: number): boolean {
  let units = 0;
  for (const value of values) units += value?.length ?? 0;
  if (units * 3 <= maxBytes) return true;
  let bytes = 0;
  for (const value of values) bytes += value === null ? 0 : Buffer.byteLength(value);
  return bytes <= maxBytes;
}
