import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import type { TableShape } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { serverText } from "./types.ts";

/*
 * Hot: once per change. What depends on the shape alone is worked out once per shape.
 *
 * Two keys have one text when a sink that keeps the column's type would hold them to be equal: numbers by value,
 * intervals by length, `char(n)` without its padding. Text is taken byte for byte even where the source's collation or type (citext, a
 * nondeterministic collation) holds `a` and `A` to be equal: sinks compare bytes, so that an update from `a` to `A`
 * must be a key change, or the row `a` would stay at the sink. The log gives both spellings (I2).
 */

type Part = (value: Value) => string;
type KeyOf = (row: Row) => string;

/** No PostgreSQL text holds this character: it can neither occur in a part nor be confused with one. */
const SEPARATOR = "\u0000";
const NULL_PART = "\u0000null";

const compiled = new WeakMap<TableShape, KeyOf>();

/**
 * Canonical text of a row's key.
 * @throws MillraceError MR_BUG where a key column is UNCHANGED or skimmed, or the table has no key.
 */
export function keyText(shape: TableShape, row: Row): string {
  let keyOf = compiled.get(shape);
  if (keyOf === undefined) compiled.set(shape, (keyOf = compile(shape)));
  return keyOf(row);
}

function compile(shape: TableShape): KeyOf {
  const parts = shape.key.map((index) => ({ index, text: partOf(shape, index) }));
  const [first, ...rest] = parts;
  if (first === undefined)
    throw new MillraceError("MR_BUG", `${shape.id} has no key to make a text of`);
  if (rest.length === 0) return (row) => first.text(row[first.index] ?? null);
  return (row) => {
    let text = first.text(row[first.index] ?? null);
    for (const part of rest) text += SEPARATOR + part.text(row[part.index] ?? null);
    return text;
  };
}

function partOf(shape: TableShape, index: number): Part {
  const column = shape.columns[index];
  if (column === undefined) throw new MillraceError("MR_BUG", `${shape.id} has no column ${index}`);
  const plain = (value: Value): string => plainText(value, shape, column.name);
  const normalise = normalisation(column.type);
  if (normalise === null) return (value) => (typeof value === "string" ? value : plain(value));
  return (value) => (value === null ? NULL_PART : normalise(plain(value)));
}

function plainText(value: Value, shape: TableShape, column: string): string {
  if (value === null) return NULL_PART;
  if (typeof value === "symbol") {
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} came as unchanged`);
  }
  if (typeof value === "object" && !(value instanceof Uint8Array)) {
    throw new MillraceError("MR_BUG", `key column ${column} of ${shape.id} was skimmed`);
  }
  return serverText(value);
}

/** What makes equal values one text; null where the server's text is unique already. */
function normalisation(type: LogicalType): ((text: string) => string) | null {
  if (type.kind === "decimal") return decimalKey;
  if (type.kind === "float") return floatKey;
  if (type.kind === "interval") return intervalKey;
  if (type.kind === "jsonb") return jsonbKey;
  // Without a length nothing pads it: its blanks are the application's, and text at the sink keeps them.
  return type.kind === "text" && type.fixed === true && type.maxChars !== null ? unpadded : null;
}

/** `10.50` and `10.5` are one key, and so are `-0.0` and `0`. */
export function decimalKey(text: string): string {
  if (!text.includes(".")) return text === "-0" ? "0" : text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end -= 1;
  if (text.charCodeAt(end - 1) === 46) end -= 1;
  const short = text.slice(0, end);
  return short === "-0" || short === "" || short === "-" ? "0" : short;
}

/** PostgreSQL prints one NaN; negative zero equals zero. */
function floatKey(text: string): string {
  return text === "-0" ? "0" : text;
}

/** `char(n)` is compared without trailing blanks. */
function unpadded(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 32) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

const DAY_US = 86_400_000_000n;

/** A jsonb text has one order of members and one spelling of everything but numbers: `1.0` and `1.00` are one key. */
export function jsonbKey(text: string): string {
  return text.replaceAll(JSONB_PARTS, (part) => (part.startsWith('"') ? part : decimalKey(part)));
}

/** Strings, in which nothing is a number, and numbers with a fraction. */
const JSONB_PARTS = /"(?:[^"\\]|\\.)*"|-?\d+\.\d+/g;

/** `1 day` and `24:00:00` are one key: PostgreSQL compares intervals with months of 30 days and days of 24 hours. */
export function intervalKey(text: string): string {
  const time = /(-?)(\d+):(\d+):(\d+)(?:\.(\d+))?$/.exec(text);
  const units = [...text.matchAll(/([+-]?\d+) (year|mon|day)/g)];
  if (time === null && units.length === 0) return text; // infinity
  let length = 0n;
  for (const [, count, unit] of units) {
    const days = unit === "year" ? 360n : unit === "mon" ? 30n : 1n;
    length += BigInt(count ?? 0) * days * DAY_US;
  }
  if (time === null) return String(length);
  const [, sign, hours = "0", minutes = "0", seconds = "0", fraction = ""] = time;
  const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const clock = whole * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  return String(sign === "-" ? length - clock : length + clock);
}
