import type { LogicalType } from "../../model/logical-type.ts";

/**
 * What is known of a type in `pg_type`. A domain is described by its base type: its values are its base type's
 * values, and the domain's own typmod is that of the column.
 */
export interface PgType {
  /** `typname`, unqualified. */
  readonly name: string;
  /** It came with the server: its rule is in this file. Extensions' and users' types have a rule by `kind`. */
  readonly builtIn: boolean;
  /** `typtype`: base, composite, enum, pseudo, range, multirange. */
  readonly kind: string;
  /** It is a true array type (`int4[]`). */
  readonly array: boolean;
  /** `format_type(oid, typmod)`, schema-qualified where it is not in pg_catalog. */
  readonly formatted: string;
  /** The values of an enumeration, or of the one that it is an array of; null, or absent, of any other type. */
  readonly labels?: readonly string[] | null;
}

type Rule = (typmod: number) => LogicalType;

const int = (bits: 16 | 32 | 64): Rule => {
  const type: LogicalType = { kind: "int", bits };
  return () => type;
};
const unsigned = (bits: 32 | 64): Rule => {
  const type: LogicalType = { kind: "int", bits, unsigned: true };
  return () => type;
};
const is = (type: LogicalType): Rule => {
  return () => type;
};
/** Fractional digits of seconds; microseconds where the column does not say. */
const digits = (typmod: number): number => (typmod < 0 ? 6 : typmod);
const unbounded: LogicalType = { kind: "text", maxChars: null };

/** Types whose values have a form of their own in the model. */
const RULES: Readonly<Record<string, Rule>> = {
  bool: is({ kind: "boolean" }),
  int2: int(16),
  int4: int(32),
  int8: int(64),
  oid: unsigned(32),
  xid: unsigned(32),
  cid: unsigned(32),
  xid8: unsigned(64),
  float4: is({ kind: "float", bits: 32 }),
  float8: is({ kind: "float", bits: 64 }),
  numeric: (typmod) => decimalOf(typmod),
  text: is(unbounded),
  varchar: (typmod) => (typmod < 4 ? unbounded : { kind: "text", maxChars: typmod - 4 }),
  bpchar: (typmod) => ({ kind: "text", maxChars: typmod < 4 ? null : typmod - 4, fixed: true }),
  name: is({ kind: "text", maxChars: 63 }),
  char: is(unbounded),
  bytea: is({ kind: "bytes", maxBytes: null }),
  date: is({ kind: "date" }),
  time: (typmod) => ({ kind: "time", precision: digits(typmod) }),
  timetz: (typmod) => ({ kind: "timetz", precision: digits(typmod) }),
  timestamp: (typmod) => ({ kind: "timestamp", precision: digits(typmod) }),
  timestamptz: (typmod) => ({ kind: "timestamptz", precision: digits(typmod) }),
  interval: is({ kind: "interval" }),
  uuid: is({ kind: "uuid" }),
  json: is({ kind: "json" }),
  jsonb: is({ kind: "jsonb" }),
};

/**
 * Built-in base types that are carried as the server's text. A built-in type in neither list still travels as text;
 * the test that walks `pg_type` fails for it, so that someone decides.
 */
const AS_TEXT: ReadonlySet<string> = new Set(
  (
    "money bit varbit xml tsvector tsquery gtsvector jsonpath refcursor point lseg path box polygon line circle " +
    "cidr inet macaddr macaddr8 pg_lsn tid txid_snapshot pg_snapshot aclitem int2vector oidvector regproc " +
    "regprocedure regoper regoperator regclass regcollation regtype regconfig regdictionary regnamespace regrole " +
    "regdatabase pg_node_tree pg_ndistinct pg_dependencies pg_mcv_list pg_brin_bloom_summary " +
    "pg_brin_minmax_multi_summary"
  ).split(" "),
);

/** Kinds of types whose values travel as the server's text: composite, enum, range, multirange. */
const KINDS_AS_TEXT: ReadonlySet<string> = new Set(["c", "e", "r", "m"]);

/** `numeric(p,s)`; scale may be negative or larger than the precision since 15. */
function decimalOf(typmod: number): LogicalType {
  if (typmod < 4) return { kind: "decimal", precision: null, scale: null };
  const packed = typmod - 4;
  return {
    kind: "decimal",
    precision: (packed >>> 16) & 0xffff,
    scale: ((packed & 0x7ff) ^ 1024) - 1024,
  };
}

/** Whether somebody decided what becomes of the type; false for pseudo-types and for news of a future server. */
export function hasRule(type: PgType): boolean {
  if (type.kind === "p") return false;
  if (type.array || KINDS_AS_TEXT.has(type.kind)) return true;
  return !type.builtIn || type.name in RULES || AS_TEXT.has(type.name);
}

/** The logical type of a column; `typmod` is the column's, or its domain's. */
export function logicalType(type: PgType, typmod: number): LogicalType {
  const rule = type.builtIn && !type.array ? RULES[type.name] : undefined;
  if (rule !== undefined) return rule(typmod);
  const labels = type.labels ?? null;
  return { kind: "other", name: type.formatted, ...(labels === null ? {} : { labels }) };
}

/** How a column's text becomes its canonical value. Small integers, so that hot loops can switch on them. */
export const AS_IS = 0;
/** `t` or `f` to a boolean. */
export const TO_BOOLEAN = 1;
/** `\x…` to a Uint8Array. */
export const TO_BYTES = 2;
/** One of {@link AS_IS}, {@link TO_BOOLEAN}, {@link TO_BYTES}. */
export type Conversion = typeof AS_IS | typeof TO_BOOLEAN | typeof TO_BYTES;

/**
 * The conversion of a type's output text, given the session settings that `connection.ts` makes (UTC, ISO dates,
 * shortest floats, hex bytea): then the server's text is the canonical text for all but these.
 */
export function conversionOf(type: LogicalType): Conversion {
  if (type.kind === "boolean") return TO_BOOLEAN;
  return type.kind === "bytes" ? TO_BYTES : AS_IS;
}

/** The text that the server reads back as the same value: the inverse of a {@link Conversion}. */
export function serverText(value: boolean | number | bigint | string | Uint8Array): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "t" : "f";
  return value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : String(value);
}
