import type { LogicalType } from "../../model/logical-type.ts";

/** A column's type as the server spells it, taken apart. */
export interface ColumnType {
  /** `bigint`, `varchar`, `enum`, `geomcollection`, … in lower case, one name per type. */
  readonly base: string;
  /** What stands in parentheses, where these are numbers: length, or precision and scale. */
  readonly numbers: readonly number[];
  /** Of ENUM and SET. */
  readonly labels: readonly string[];
  readonly unsigned: boolean;
  /** `utf8mb4`, `latin1`, …; null where the type has no characters. */
  readonly charset: string | null;
}

/** What the pipeline's options say of types. */
export interface TypeOptions {
  /** `treat-tinyint1-as-boolean.enabled`. */
  readonly tinyint1AsBoolean: boolean;
  /** `time-as-interval.enabled`. */
  readonly timeAsInterval: boolean;
  /** `geometry.mode`. */
  readonly geometry: "geojson" | "wkb";
}

/** Names that are one type. */
const SAME: ReadonlyMap<string, string> = new Map([
  ["geometrycollection", "geomcollection"],
  ["integer", "int"],
  ["numeric", "decimal"],
]);

/** @returns null where the text is no type as `Column.sourceType` has it. */
export function parseColumnType(text: string): ColumnType | null {
  const [, name, inside, rest = ""] =
    /^(\w+)(?:\(((?:'(?:[^']|'')*'|[^)'])*)\))?(.*)$/s.exec(text) ?? [];
  if (name === undefined) return null;
  const isLabels = inside?.startsWith("'") === true;
  return {
    base: SAME.get(name) ?? name,
    numbers: isLabels || inside === undefined ? [] : inside.split(",").map(Number),
    labels: isLabels ? labelsOf(inside) : [],
    unsigned: /\bunsigned\b/.test(rest),
    charset: /\bcharacter set (\w+)/.exec(rest)?.[1] ?? null,
  };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", 0: "\0", Z: "\x1a" };

function labelsOf(list: string): string[] {
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = ""]) =>
    label
      .replaceAll("''", "'")
      .replaceAll(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped),
  );
}

const GEOMETRIES: ReadonlySet<string> = new Set([
  "geometry",
  "point",
  "linestring",
  "polygon",
  "multipoint",
  "multilinestring",
  "multipolygon",
  "geomcollection",
]);

/** Whether it is GEOMETRY or one of its kinds. */
export function isGeometry({ base }: ColumnType): boolean {
  return GEOMETRIES.has(base);
}

const INT_BITS = { tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 } as const;

/** What a column of this type holds. */
export function logicalType(type: ColumnType, options: TypeOptions): LogicalType {
  const { base, numbers, unsigned } = type;
  const [first = 0, second = 0] = numbers;
  if (isBooleanTinyint(type) && options.tinyint1AsBoolean) return { kind: "boolean" };
  if (base in INT_BITS) {
    const bits = INT_BITS[base as keyof typeof INT_BITS];
    return unsigned ? { kind: "int", bits, unsigned } : { kind: "int", bits };
  }
  if (base === "decimal")
    return { kind: "decimal", precision: numbers.length === 0 ? 10 : first, scale: second };
  if (base === "time" && options.timeAsInterval) return { kind: "interval" };
  if (isGeometry(type))
    return options.geometry === "wkb" ? { kind: "bytes", maxBytes: null } : { kind: "json" };
  const named = byName(base, numbers) ?? { kind: "other", name: base };
  return named.kind === "text" ? ofCharset(named, type.charset) : named;
}

/** Those that have characters beyond U+FFFF. */
const WITH_FOUR_BYTES: ReadonlySet<string> = new Set(
  "utf8mb4 utf16 utf16le utf32 gb18030".split(" "),
);

/** Nothing of one character in another charset takes four bytes in UTF-8: `€` and `漢` take three. */
function ofCharset(text: LogicalType & { kind: "text" }, charset: string | null): LogicalType {
  if (text.maxChars === null || charset === null || WITH_FOUR_BYTES.has(charset)) return text;
  return { ...text, charBytes: charset === "ascii" ? 1 : 3 };
}

function isBooleanTinyint({ base, numbers, unsigned }: ColumnType): boolean {
  return base === "tinyint" && numbers[0] === 1 && !unsigned;
}

const UNBOUNDED: LogicalType = { kind: "text", maxChars: null };
const ANY_BYTES: LogicalType = { kind: "bytes", maxBytes: null };

/** Labels may be added, and none of a value's length is known from them alone: ENUM and SET have no bound. */
const BY_NAME: Readonly<Record<string, LogicalType>> = {
  float: { kind: "float", bits: 32 },
  double: { kind: "float", bits: 64 },
  year: { kind: "int", bits: 16 },
  date: { kind: "date" },
  json: { kind: "jsonb" },
  vector: { kind: "json" },
  uuid: { kind: "uuid" },
  tinytext: UNBOUNDED,
  text: UNBOUNDED,
  mediumtext: UNBOUNDED,
  longtext: UNBOUNDED,
  enum: UNBOUNDED,
  set: UNBOUNDED,
  tinyblob: ANY_BYTES,
  blob: ANY_BYTES,
  mediumblob: ANY_BYTES,
  longblob: ANY_BYTES,
};

function byName(base: string, numbers: readonly number[]): LogicalType | undefined {
  const [length = 1] = numbers;
  const precision = numbers[0] ?? 0;
  switch (base) {
    // Blanks at the end of a CHAR are never given, so that nothing at a sink may pad it.
    case "char":
    case "varchar":
      return { kind: "text", maxChars: length };
    case "binary":
    case "varbinary":
      return { kind: "bytes", maxBytes: length };
    case "bit":
      return length === 1 ? { kind: "boolean" } : { kind: "bytes", maxBytes: (length + 7) >> 3 };
    case "time":
      return { kind: "time", precision };
    case "datetime":
      return { kind: "timestamp", precision };
    case "timestamp":
      return { kind: "timestamptz", precision };
    default:
      return BY_NAME[base];
  }
}
