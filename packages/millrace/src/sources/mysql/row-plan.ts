import type { Column, TableShape } from "../../model/table.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import { type Charset, charsetOf } from "./charsets.ts";
import { ColumnCode, type MappedColumn, type TableMap } from "./table-map.ts";
import { fits } from "./row-fit.ts";
import { type ColumnType, isGeometry, parseColumnType } from "./types.ts";

/** How a column's bytes in the log become its canonical value; small integers for the hot loop. */
export const Form = {
  INT8: 0,
  UINT8: 1,
  INT16: 2,
  UINT16: 3,
  INT24: 4,
  UINT24: 5,
  INT32: 6,
  UINT32: 7,
  /** TINYINT(1) as a boolean. */
  BOOLEAN: 8,
  /** BIT(1). */
  BIT1: 9,
  YEAR: 10,
  ENUM: 11,
  /** From here on, a value that an update left as it was is found by its bytes, and not made again. */
  INT64: 12,
  UINT64: 13,
  FLOAT: 14,
  DOUBLE: 15,
  DECIMAL: 16,
  DATE: 17,
  TIME: 18,
  DATETIME: 19,
  TIMESTAMP: 20,
  OLD_TIME: 21,
  OLD_DATETIME: 22,
  OLD_TIMESTAMP: 23,
  BIT: 24,
  SET: 25,
  UUID: 26,
  INET4: 27,
  INET6: 28,
  /** From here on, `size` is the bytes of the value's length, which stands before it. */
  UTF8: 29,
  TEXT: 30,
  BYTES: 31,
  PADDED_BYTES: 32,
  JSON: 33,
  GEO_JSON: 34,
  VECTOR: 35,
  COMPRESSED_TEXT: 36,
  COMPRESSED_BYTES: 37,
} as const;

/** What the decoder needs to know of a table map event and its shape, worked out once. */
export interface RowPlan {
  readonly shape: TableShape;
  /** Columns in the log; the shape's are the first of them (what follows is the server's own). */
  readonly width: number;
  /** A {@link Form} per column of the log. */
  readonly forms: Uint8Array;
  /** Bytes of a value, or of its length; digits of a fraction; precision. */
  readonly sizes: Uint16Array;
  /** Scale; bytes that a BINARY is padded to. */
  readonly extras: Uint16Array;
  readonly charsets: readonly (Charset | null)[];
  readonly labels: readonly (readonly string[])[];
  /** 1 per key column: never skimmed. */
  readonly isKey: Uint8Array;
  /** Columns of binary JSON, which a partial update counts. */
  readonly jsonColumns: number;
  /** The column that says until when a row was one, where the table keeps versions; else -1. */
  readonly rowEnd: number;
  /** What an update leaves out may have changed: MariaDB's leave out computed columns, and what REPLACE gave its default. */
  readonly isSilent: boolean;
  /** A date with a zero part becomes NULL. */
  readonly zeroDatesAreNull: boolean;
  /** What a row weighs beside its bytes in the log: objects, arrays, string headers. */
  readonly overheadBytes: number;
}

/** What the pipeline's options say of values. */
export interface ValueOptions {
  /** `zero-dates: as-null`. */
  readonly zeroDatesAreNull: boolean;
}

/** One column's part of a plan. */
interface ColumnPlan {
  readonly form: number;
  readonly size: number;
  readonly extra: number;
  readonly charset: Charset | null;
  readonly labels: readonly string[];
}

/**
 * Works out the plan for rows that are written as this table map event says; null where it does not fit the shape, so
 * that its rows must not be decoded by it.
 */
export function planRow(map: TableMap, shape: TableShape, options: ValueOptions): RowPlan | null {
  const { columns } = map;
  if (columns.length < shape.columns.length) return null;
  const plans: ColumnPlan[] = [];
  for (const [index, mapped] of columns.entries()) {
    const plan = planColumn(mapped, shape.columns[index]);
    if (plan === null) return null;
    plans.push(plan);
  }
  const isKey = new Uint8Array(columns.length);
  for (const index of shape.key) isKey[index] = 1;
  return {
    shape,
    width: columns.length,
    forms: Uint8Array.from(plans, ({ form }) => form),
    sizes: Uint16Array.from(plans, ({ size }) => size),
    extras: Uint16Array.from(plans, ({ extra }) => extra),
    charsets: plans.map(({ charset }) => charset),
    labels: plans.map(({ labels }) => labels),
    isKey,
    jsonColumns: columns.filter(({ code }) => code === ColumnCode.JSON).length,
    rowEnd: rowEndOf(columns, shape),
    isSilent: map.flavor === "mariadb",
    zeroDatesAreNull: options.zeroDatesAreNull,
    overheadBytes: rowOverheadBytes(map),
  };
}

/** What MariaDB adds to a table by itself is behind its columns, and nobody sees it. */
const HIDDEN = /^(DB_ROW_HASH_\d+|row_start|row_end)$/;
const HIDDEN_CODES: ReadonlySet<number> = new Set([ColumnCode.LONGLONG, ColumnCode.TIMESTAMP2]);

function planColumn(mapped: MappedColumn, column: Column | undefined): ColumnPlan | null {
  if (column === undefined) return isHidden(mapped) ? part(mapped, null, null) : null;
  const type = parseColumnType(column.sourceType);
  return type !== null && fits(mapped, column, type) ? part(mapped, column, type) : null;
}

/** The server's own, as far as can be told. */
export function isHidden({ name, code }: MappedColumn): boolean {
  return name === null ? HIDDEN_CODES.has(code) : HIDDEN.test(name);
}

/**
 * The later one of two hidden times; a column of the table's own says so in its type (`timestamp(6) row end`), as the
 * catalogue's `GENERATION_EXPRESSION` does.
 */
function rowEndOf(columns: readonly MappedColumn[], shape: TableShape): number {
  const own = shape.columns.findIndex(({ sourceType }) => / row end\b/.test(sourceType));
  if (own !== -1) return own;
  const { length } = shape.columns;
  const times = columns.flatMap(({ code, name }, index) =>
    index >= length && code === ColumnCode.TIMESTAMP2 && name !== "row_start" ? [index] : [],
  );
  return times.at(-1) ?? -1;
}

function part(mapped: MappedColumn, column: Column | null, type: ColumnType | null): ColumnPlan {
  const form = formOf(mapped, column, type);
  const charset = charsetOf(mapped.charset ?? type?.charset ?? "utf8mb4");
  return {
    form: form === Form.TEXT && charset?.isUtf8 === true ? Form.UTF8 : form,
    size: sizeOf(mapped),
    extra: extraOf(mapped, form),
    charset,
    labels: type?.labels ?? [],
  };
}

const INTS: Readonly<Record<number, number>> = {
  [ColumnCode.TINY]: Form.INT8,
  [ColumnCode.SHORT]: Form.INT16,
  [ColumnCode.INT24]: Form.INT24,
  [ColumnCode.LONG]: Form.INT32,
  [ColumnCode.LONGLONG]: Form.INT64,
};

const BY_CODE: Readonly<Record<number, number>> = {
  [ColumnCode.FLOAT]: Form.FLOAT,
  [ColumnCode.DOUBLE]: Form.DOUBLE,
  [ColumnCode.NEWDECIMAL]: Form.DECIMAL,
  [ColumnCode.YEAR]: Form.YEAR,
  [ColumnCode.DATE]: Form.DATE,
  [ColumnCode.NEWDATE]: Form.DATE,
  [ColumnCode.TIME]: Form.OLD_TIME,
  [ColumnCode.DATETIME]: Form.OLD_DATETIME,
  [ColumnCode.TIMESTAMP]: Form.OLD_TIMESTAMP,
  [ColumnCode.TIME2]: Form.TIME,
  [ColumnCode.DATETIME2]: Form.DATETIME,
  [ColumnCode.TIMESTAMP2]: Form.TIMESTAMP,
  [ColumnCode.ENUM]: Form.ENUM,
  [ColumnCode.SET]: Form.SET,
  [ColumnCode.JSON]: Form.JSON,
  [ColumnCode.VECTOR]: Form.VECTOR,
};

/** Types that a log has as a STRING of so many bytes. */
const FIXED: Readonly<Record<string, number>> = {
  uuid: Form.UUID,
  inet4: Form.INET4,
  inet6: Form.INET6,
};

function formOf(
  { code, meta, unsigned }: MappedColumn,
  column: Column | null,
  type: ColumnType | null,
): number {
  const int = INTS[code];
  if (int !== undefined) {
    if (column?.type.kind === "boolean") return Form.BOOLEAN;
    return (unsigned ?? type?.unsigned === true) ? int + 1 : int;
  }
  if (code === ColumnCode.BIT)
    return column?.type.kind === "boolean" && meta === 1 ? Form.BIT1 : Form.BIT;
  const plain = BY_CODE[code];
  if (plain !== undefined) return plain;
  if (code === ColumnCode.GEOMETRY)
    return column?.type.kind === "bytes" ? Form.BYTES : Form.GEO_JSON;
  return stringForm(code, type);
}

function stringForm(code: number, type: ColumnType | null): number {
  const isText = type !== null && type.charset !== null && type.charset !== "binary";
  if (code === ColumnCode.VARCHAR_COMPRESSED || code === ColumnCode.BLOB_COMPRESSED)
    return isText ? Form.COMPRESSED_TEXT : Form.COMPRESSED_BYTES;
  if (code === ColumnCode.STRING && type !== null) {
    if (type.base === "binary") return Form.PADDED_BYTES;
    const fixed = FIXED[type.base];
    if (fixed !== undefined) return fixed;
  }
  if (type?.base === "vector") return Form.VECTOR;
  if (type !== null && isGeometry(type)) return Form.GEO_JSON;
  return isText ? Form.TEXT : Form.BYTES;
}

const LENGTHS_OF_TWO_FROM = 256;

function sizeOf({ code, meta }: MappedColumn): number {
  switch (code) {
    case ColumnCode.VARCHAR:
    case ColumnCode.VAR_STRING:
    case ColumnCode.VARCHAR_COMPRESSED:
    case ColumnCode.STRING:
      return meta < LENGTHS_OF_TWO_FROM ? 1 : 2;
    case ColumnCode.NEWDECIMAL:
      return meta >> 8;
    case ColumnCode.BIT:
      return (meta + 7) >> 3;
    case ColumnCode.TIME2:
    case ColumnCode.DATETIME2:
    case ColumnCode.TIMESTAMP2:
      return (meta + 1) >> 1;
    default:
      return meta;
  }
}

function extraOf({ code, meta }: MappedColumn, form: number): number {
  if (code === ColumnCode.NEWDECIMAL) return meta & 0xff;
  return form === Form.PADDED_BYTES ? meta : 0;
}
