import { FieldKind } from "../../model/row-line.ts";
import type { Column } from "../../model/table.ts";
import { Skimmed, type Value } from "../../model/value.ts";
import { bounded, vectorText } from "./bounded-text.ts";
import { doubleText, floatText } from "./float-text.ts";
import { geoJson } from "./geometry.ts";
import { isZeroDate } from "./temporal.ts";
import { isGeometry, parseColumnType } from "./types.ts";
import type { ValueOptions } from "./row-plan.ts";

/** Turns a value of an answer in text (of {@link selectExpression}, in our sessions) into its canonical form. */
export type FromText = (text: string) => Value;

/** What says how a column is asked for. */
type Asked = Pick<Column, "name" | "type" | "sourceType">;

const quoted = (name: string): string => `\`${name.replaceAll("`", "``")}\``;

/** Types whose bytes would not survive as text. */
const BYTES: ReadonlySet<string> = new Set(
  "binary varbinary tinyblob blob mediumblob longblob bit vector".split(" "),
);

/**
 * How a SELECT asks for a column so that {@link fromText} can make of it what the log has. Sessions are as `connection.ts`
 * makes them: UTC, utf8mb4.
 */
export function selectExpression(column: Asked): string {
  const name = quoted(column.name);
  const type = parseColumnType(column.sourceType);
  if (type === null) return name;
  if (BYTES.has(type.base) || isGeometry(type)) return `HEX(${name})`;
  // Both servers print a FLOAT with six digits; and a DOUBLE(m,d), or one with zeros before it, as it was declared.
  return type.base === "float" || type.base === "double" ? `CAST(${name} AS DOUBLE)` : name;
}

/** The conversion of a column's text; NULL is not given to it. Values above `maxBytes` are skimmed, but not in a key. */
export function fromText(column: Asked, options: ValueOptions, maxBytes: number): FromText {
  const convert = conversionOf(column, options, maxBytes);
  return (text) => {
    const value = convert(text);
    if (typeof value === "string") return bounded(value, maxBytes);
    return value instanceof Uint8Array && value.length > maxBytes
      ? new Skimmed(value.length)
      : value;
  };
}

/** What an answer has of a column, for who writes it without its value; null where the value may be longer than what was sent. */
export function fieldKind({ type, sourceType }: Asked): FieldKind | null {
  const source = parseColumnType(sourceType);
  const base = source?.base ?? "";
  if (base === "vector" || (source !== null && isGeometry(source))) return null;
  if (base === "bit" || base === "time" || base in DATES)
    return base === "timestamp" ? FieldKind.UTC : FieldKind.VALUE;
  switch (type.kind) {
    case "int":
    case "decimal":
      return FieldKind.DIGITS;
    case "boolean":
    case "float":
    case "bytes":
      return FieldKind.VALUE;
    default:
      return FieldKind.TEXT;
  }
}

/** Whether a zero in a value of the column makes it NULL. */
export function isZeroNull({ sourceType }: Asked, { zeroDatesAreNull }: ValueOptions): boolean {
  return zeroDatesAreNull && (parseColumnType(sourceType)?.base ?? "") in DATES;
}

function conversionOf(
  { type, sourceType }: Asked,
  { zeroDatesAreNull }: ValueOptions,
  maxBytes: number,
): FromText {
  const source = parseColumnType(sourceType);
  const base = source?.base ?? "";
  if (base === "bit") return bitConversion(type.kind === "boolean", source?.numbers[0] ?? 1);
  if (base === "vector") return (hex) => vectorOf(Buffer.from(hex, "hex"));
  if (source !== null && isGeometry(source))
    return type.kind === "bytes" ? (hex) => bytesOf(hex, maxBytes) : geometryOf;
  const date = DATES[base];
  if (date !== undefined)
    return (text) => {
      const value = date(text);
      return zeroDatesAreNull && isZeroDate(value) ? null : value;
    };
  switch (type.kind) {
    case "int":
      return intOf;
    case "boolean":
      return (text) => Number(text) !== 0;
    case "float":
      return type.bits === 32
        ? (text) => floatText(Math.fround(Number(text)))
        : (text) => doubleText(Number(text));
    case "decimal":
      return withoutZeros;
    case "bytes":
      return (hex) => bytesOf(hex, maxBytes);
    default:
      return base === "time" ? withoutFractionZeros : asIs;
  }
}

const MINUS = 0x2d;
const ZERO = 0x30;
const asIs: FromText = (text) => text;

/** ZEROFILL prints zeros before the number. */
function withoutZeros(text: string): string {
  const first = text.charCodeAt(text.charCodeAt(0) === MINUS ? 1 : 0);
  return first === ZERO ? text.replace(/^(-?)0+(?=\d)/, "$1") : text;
}

function intOf(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : withoutZeros(text);
}

/** Hexadecimal text is not decoded where its bytes are too many to be kept. */
function bytesOf(hex: string, maxBytes: number): Value {
  const length = hex.length / 2;
  return length > maxBytes ? new Skimmed(length) : Uint8Array.from(Buffer.from(hex, "hex"));
}

function bitConversion(isBoolean: boolean, bits: number): FromText {
  if (isBoolean) return (hex) => hex !== "0" && hex !== "";
  const digits = 2 * ((bits + 7) >> 3);
  return (hex) => Uint8Array.from(Buffer.from(hex.padStart(digits, "0"), "hex"));
}

function vectorOf(bytes: Buffer): string {
  return vectorText(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

function geometryOf(hex: string): string | null {
  const bytes = Buffer.from(hex, "hex");
  return bytes.length === 0 ? null : geoJson(bytes, 0, bytes.length);
}

/** `10:00:00.500` is `10:00:00.5`. */
function withoutFractionZeros(text: string): string {
  const point = text.lastIndexOf(".");
  if (point === -1) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === ZERO) end -= 1;
  return text.slice(0, end - 1 === point ? point : end);
}

const DATES: Readonly<Record<string, (text: string) => string>> = {
  date: (text) => text,
  datetime: withoutFractionZeros,
  timestamp: (text) => `${withoutFractionZeros(text)}+00`,
};
