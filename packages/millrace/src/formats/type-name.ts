import type { LogicalType } from "../model/logical-type.ts";

const DECIMAL = /^(?:numeric|decimal)(?:\((\d+),(-?\d+)\))?$/;
const TIMED = /^(time|timestamp)(?:\((\d)\))? (with|without) time zone$/;
const SIZED = /^(character varying|character|varchar|bpchar)(?:\((\d+)\))?$/;

const PLAIN: Readonly<Record<string, LogicalType>> = {
  boolean: { kind: "boolean" },
  smallint: { kind: "int", bits: 16 },
  integer: { kind: "int", bits: 32 },
  bigint: { kind: "int", bits: 64 },
  oid: { kind: "int", bits: 32, unsigned: true },
  real: { kind: "float", bits: 32 },
  "double precision": { kind: "float", bits: 64 },
  text: { kind: "text", maxChars: null },
  bytea: { kind: "bytes", maxBytes: null },
  date: { kind: "date" },
  uuid: { kind: "uuid" },
  json: { kind: "json" },
  jsonb: { kind: "jsonb" },
};

/** The type of an array's elements, from PostgreSQL's name of the array; null where it is no array. */
export function elementType(name: string): LogicalType | null {
  return name.endsWith("[]") ? typeNamed(name.slice(0, -2)) : null;
}

/** What PostgreSQL means by a type's name. */
function typeNamed(name: string): LogicalType {
  const plain = PLAIN[name];
  if (plain !== undefined) return plain;
  const decimal = DECIMAL.exec(name);
  if (decimal !== null) {
    const [, precision, scale] = decimal;
    return precision === undefined
      ? { kind: "decimal", precision: null, scale: null }
      : { kind: "decimal", precision: Number(precision), scale: Number(scale) };
  }
  const timed = TIMED.exec(name);
  if (timed !== null) {
    const [, what, digits = "6", zone] = timed;
    const precision = Number(digits);
    if (what === "time") return { kind: zone === "with" ? "timetz" : "time", precision };
    return { kind: zone === "with" ? "timestamptz" : "timestamp", precision };
  }
  if (name === "interval" || name.startsWith("interval ")) return { kind: "interval" };
  return SIZED.test(name) ? { kind: "text", maxChars: null } : { kind: "other", name };
}

/** A type's own name: without schema, without what stands in parentheses behind it. */
export function bareName(name: string): string {
  return name.replace(/\(.*$/s, "").split(".").at(-1)?.replaceAll('"', "").trim() ?? name;
}

/** The labels of MySQL's `enum('a','b')` and `set('a','b')`; null where the text is neither. */
export function labelsOf(sourceType: string): readonly string[] | null {
  const [, list] = /^(?:enum|set)\(((?:'(?:[^']|'')*',?)*)\)/is.exec(sourceType) ?? [];
  if (list === undefined) return null;
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = ""]) =>
    label.replaceAll("''", "'"),
  );
}
