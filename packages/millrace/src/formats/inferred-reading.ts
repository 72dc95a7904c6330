import type { LogicalType } from "../model/logical-type.ts";
import type { FieldReading } from "./connect-reading.ts";
import { jsonText, NumberText, type JsonRead } from "./json-reader.ts";

/*
 * Types from values alone, where a message has no schema: the narrowest one that holds all that has been seen, wider ones
 * in place of narrow ones as they come. Null says nothing.
 */

/** What has been seen of a field. */
export type SeenKind = "nothing" | "boolean" | "integer" | "decimal" | "text" | "json";

/** What a value is by itself. */
export function kindOf(value: JsonRead): SeenKind {
  if (value === null) return "nothing";
  if (typeof value === "string") return "text";
  if (value instanceof NumberText)
    return value.isInteger && isInt64(value.text) ? "integer" : "decimal";
  if (typeof value === "boolean") return "boolean";
  return "json";
}

/** Numbers with fewer are less. */
const MAX_INT64_CHARS = 19;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Of a whole number. */
function isInt64(text: string): boolean {
  if (text.length < MAX_INT64_CHARS) return true;
  if (text.length > MAX_INT64_CHARS + 1) return false;
  const value = BigInt(text);
  return value <= MAX_INT64 && value >= -MAX_INT64 - 1n;
}

/** What holds both. */
export function wider(a: SeenKind, b: SeenKind): SeenKind {
  if (a === b || b === "nothing") return a;
  if (a === "nothing") return b;
  const numbers = new Set<SeenKind>(["integer", "decimal"]);
  return numbers.has(a) && numbers.has(b) ? "decimal" : "text";
}

const TYPES: Readonly<Record<SeenKind, LogicalType>> = {
  nothing: { kind: "text", maxChars: null },
  boolean: { kind: "boolean" },
  integer: { kind: "int", bits: 64 },
  decimal: { kind: "decimal", precision: null, scale: null },
  text: { kind: "text", maxChars: null },
  json: { kind: "jsonb" },
};

/** How a field of this kind is read. */
export function inferredReading(kind: SeenKind): FieldReading {
  const type = TYPES[kind];
  return { type, sourceType: type.kind, read: (value) => asText(value, kind) };
}

function asText(value: JsonRead, kind: SeenKind): string | boolean {
  if (typeof value === "string" && kind !== "json") return value;
  if (value instanceof NumberText)
    return kind === "decimal" && !value.isInteger ? plainDecimal(value.text) : value.text;
  if (kind === "boolean" && typeof value === "boolean") return value;
  return jsonText(value);
}

const MAX_EXPONENT = 1_000;

/** Without an exponent, which decimals of databases are printed without. */
function plainDecimal(text: string): string {
  const [, sign = "", whole = "", fraction = "", power] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (power === undefined || Math.abs(Number(power)) > MAX_EXPONENT) return text;
  const digits = whole + fraction;
  const point = whole.length + Number(power);
  if (point >= digits.length) return `${sign}${trimmed(digits.padEnd(point, "0"))}`;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${trimmed(digits.slice(0, point))}.${digits.slice(point)}`;
}

function trimmed(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}
