import { MillraceError } from "../../errors/millrace-error.ts";
import type { Value } from "../../model/value.ts";
import { type ColumnType } from "./types.ts";

/** How a column of the key is compared: by the server alone, with constants that its index takes. */
export interface KeyColumn {
  /** Quoted. */
  readonly sql: string;
  /** What a SELECT asks for to get the bound of a row. */
  readonly bound: string;
  /** The bound of a value of the column; null where the value does not tell it exactly. */
  readonly ofValue: ((value: Value) => string) | null;
  /** A condition on the column, of a bound. */
  compare(operator: "<" | "<=" | "=" | ">", bound: string): string;
  /** A constant to find the row of a value. */
  constant(value: Value): string;
}

/** Quotes a name. */
export function quote(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** How a column of this type and collation is compared. */
export function keyColumn(name: string, type: ColumnType, collation: string | null): KeyColumn {
  const sql = quote(name);
  const { base, labels } = type;
  if (type.charset !== null && collation !== null && labels.length === 0)
    return textColumn(sql, type.charset, collation);
  if (BINARIES.has(base)) return bytesColumn(sql);
  if (base === "enum") return enumColumn(sql, labels);
  if (base === "set")
    return numberColumn(sql, `${sql} + 0`, null, (value) => setNumber(labels, textOf(value)));
  if (base === "bit") return numberColumn(sql, `${sql} + 0`, bitNumber, bitNumber);
  if (base === "float" || base === "double") return floatColumn(sql, base === "float");
  if (NUMBERS.has(base)) return numberColumn(sql, sql, numberText, numberText);
  // Zero dates may have become NULL on the way here.
  if (DATES.has(base)) return quotedColumn(sql, null);
  return quotedColumn(sql, textOf);
}

const words = (list: string): ReadonlySet<string> => new Set(list.split(" "));
const BINARIES = words("binary varbinary tinyblob blob mediumblob longblob");
const NUMBERS = words("tinyint smallint mediumint int bigint year decimal");
const DATES = words("date datetime timestamp time");

/** Charsets in which text is what we encode. */
const UTF8 = words("utf8mb4 utf8mb3 utf8 ascii");

/** Bounds are the text's own bytes in hexadecimal, so that no conversion loses anything. */
function textColumn(sql: string, charset: string, collation: string): KeyColumn {
  const isOurs = UTF8.has(charset);
  const hexOf = (value: Value) => Buffer.from(textOf(value)).toString("hex");
  const literal = (hex: string) => `_${charset} x'${checked(hex, HEX)}' COLLATE ${collation}`;
  return {
    sql,
    bound: `HEX(${sql})`,
    ofValue: isOurs ? hexOf : null,
    compare: (operator, hex) => `${sql} ${operator} ${literal(hex)}`,
    constant: (value) =>
      isOurs
        ? literal(hexOf(value))
        : `CONVERT(_utf8mb4 x'${hexOf(value)}' USING ${charset}) COLLATE ${collation}`,
  };
}

function bytesColumn(sql: string): KeyColumn {
  const hexOf = (value: Value) => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
    throw notAKey();
  };
  return {
    sql,
    bound: `HEX(${sql})`,
    ofValue: hexOf,
    compare: (operator, hex) => `${sql} ${operator} x'${checked(hex, HEX)}'`,
    constant: (value) => `x'${hexOf(value)}'`,
  };
}

function numberColumn(
  sql: string,
  bound: string,
  ofValue: KeyColumn["ofValue"],
  constant: KeyColumn["constant"],
): KeyColumn {
  const compare: KeyColumn["compare"] = (operator, number) =>
    `${sql} ${operator} ${checked(number, NUMBER)}`;
  return { sql, bound, ofValue, compare, constant };
}

/**
 * The index is ordered by the labels' numbers, and used for equality only: what is less or greater is a list of numbers.
 * 0 is what the server makes of a label that it does not know.
 */
function enumColumn(sql: string, labels: readonly string[]): KeyColumn {
  const numbers = Array.from({ length: labels.length + 1 }, (_, number) => number);
  const isIn = (list: readonly number[]) =>
    list.length === 0 ? "FALSE" : `${sql} IN (${list.join(", ")})`;
  return {
    ...numberColumn(sql, `${sql} + 0`, null, (value) => String(labels.indexOf(textOf(value)) + 1)),
    compare: (operator, text) => {
      const bound = Number(checked(text, NUMBER));
      if (operator === "=") return `${sql} = ${bound}`;
      if (operator === ">") return isIn(numbers.filter((number) => number > bound));
      return isIn(numbers.filter((n) => (operator === "<" ? n < bound : n <= bound)));
    },
  };
}

function setNumber(labels: readonly string[], text: string): string {
  const members = text === "" ? [] : text.split(",");
  return String(members.reduce((sum, label) => sum + (1n << BigInt(labels.indexOf(label))), 0n));
}

function bitNumber(value: Value): string {
  if (!(value instanceof Uint8Array)) return numberText(value);
  return BigInt(`0x0${Buffer.from(value).toString("hex")}`).toString();
}

/** A constant with an exponent is a double, which is what the server compares a FLOAT as, too. */
function floatColumn(sql: string, isSingle: boolean): KeyColumn {
  const exactly = (text: string) => Number(checked(text, NUMBER)).toExponential();
  const ofValue = (value: Value) => {
    const number = Number(textOf(value));
    return (isSingle ? Math.fround(number) : number).toExponential();
  };
  return {
    sql,
    bound: `CAST(${sql} AS DOUBLE)`,
    ofValue,
    compare: (operator, text) => `${sql} ${operator} ${exactly(text)}`,
    constant: ofValue,
  };
}

/** Dates, times, MariaDB's UUID and INET: their text says all. */
function quotedColumn(sql: string, ofValue: KeyColumn["ofValue"]): KeyColumn {
  const literal = (text: string) => `'${checked(text.replace(/\+00$/, ""), PLAIN)}'`;
  return {
    sql,
    bound: sql,
    ofValue,
    compare: (operator, text) => `${sql} ${operator} ${literal(text)}`,
    constant: (value) => literal(textOf(value)),
  };
}

function numberText(value: Value): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return checked(textOf(value), NUMBER);
}

function textOf(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw notAKey();
}

const HEX = /^(?:[0-9a-f]{2})*$/i;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const PLAIN = /^[0-9a-f:. -]*$/i;

/** What becomes part of a statement is what it has to be, whoever kept it meanwhile. */
function checked(text: string, form: RegExp): string {
  if (form.test(text)) return text;
  throw notAKey();
}

function notAKey(): MillraceError {
  return new MillraceError("MR_BUG", "a value that cannot be a key");
}
