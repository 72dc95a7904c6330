/**
 * HOT PATH: one call per column and statement, one turn of a loop per value. Written for unnest upserts: pg's own
 * array writer costs a third more of the whole statement (`array-literal.bench.ts`).
 *
 * Every value but NULL is quoted, whatever its type: an unquoted comma would shift all later rows of the column onto
 * other keys, and no check of ours is worth that risk.
 */
import { MillraceError } from "../../errors/millrace-error.ts";
import type { Row, Value } from "../../model/value.ts";

/**
 * JSON's writer is native and escapes quotes and backslashes just as an array literal does, without a string for each
 * value. What else it escapes, control characters and halves of surrogate pairs, shows by a backslash before something
 * else; where that is two of a text's own, the slow way does no harm.
 */
const JSON_CHANGED = /\\[^"\\]/;
const ESCAPED = /["\\]/g;

/** PostgreSQL's array literal of column `index` of the rows `from` to `to` (exclusive). */
export function columnLiteral(
  rows: readonly Row[],
  index: number,
  from: number,
  to: number,
): string {
  // Of its size from the start: an array that grows leaves three times its size behind.
  const texts = new Array<string | null>(to - from);
  for (let i = from; i < to; i++) {
    const value = rows[i]?.[index];
    texts[i - from] = typeof value === "string" ? value : parameterText(value);
  }
  const json = JSON.stringify(texts);
  if (json.includes("\\") && JSON_CHANGED.test(json)) return `{${texts.map(element).join(",")}}`;
  return `{${json.slice(1, -1)}}`;
}

/** PostgreSQL's array literal of some values. */
export function arrayLiteral(values: readonly Value[]): string {
  const rows: readonly Row[] = values.map((value) => [value]);
  return columnLiteral(rows, 0, 0, rows.length);
}

/** A value as a parameter of its own, in text form. */
export function parameterText(value: Value | undefined): string | null {
  if (typeof value === "string" || value === null) return value;
  if (value instanceof Uint8Array) return "\\x" + hex(value);
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  throw notWritable(value);
}

function element(text: string | null): string {
  return text === null ? "null" : `"${text.replace(ESCAPED, "\\$&")}"`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function notWritable(value: unknown): MillraceError {
  const what =
    value === undefined
      ? "a missing value"
      : typeof value === "symbol"
        ? "UNCHANGED"
        : "a skimmed value";
  return new MillraceError("MR_BUG", `${what} reached the sink where a row must be whole`);
}
