import { ByteCursor, protocolError } from "./byte-cursor.ts";
import { charsetOfCollation } from "./collations.ts";
import type { ServerVersion } from "./server-version.ts";

/** Types of columns as logs number them. From 140 to 141 they are MariaDB's. */
export const ColumnCode = {
  TINY: 1,
  SHORT: 2,
  LONG: 3,
  FLOAT: 4,
  DOUBLE: 5,
  TIMESTAMP: 7,
  LONGLONG: 8,
  INT24: 9,
  DATE: 10,
  TIME: 11,
  DATETIME: 12,
  YEAR: 13,
  NEWDATE: 14,
  VARCHAR: 15,
  BIT: 16,
  TIMESTAMP2: 17,
  DATETIME2: 18,
  TIME2: 19,
  BLOB_COMPRESSED: 140,
  VARCHAR_COMPRESSED: 141,
  VECTOR: 242,
  JSON: 245,
  NEWDECIMAL: 246,
  ENUM: 247,
  SET: 248,
  TINY_BLOB: 249,
  MEDIUM_BLOB: 250,
  LONG_BLOB: 251,
  BLOB: 252,
  VAR_STRING: 253,
  STRING: 254,
  GEOMETRY: 255,
} as const;

/** A column as a table map event has it. What the server does not tell (`binlog_row_metadata`) is null. */
export interface MappedColumn {
  /** A {@link ColumnCode}; ENUM and SET are told from STRING. */
  readonly code: number;
  /**
   * What the type needs: the greatest length in bytes (VARCHAR, STRING), the bytes of a length (BLOB and its like), of a
   * number (FLOAT, DOUBLE, ENUM, SET), digits of seconds, `precision << 8 | scale`, bits.
   */
  readonly meta: number;
  readonly name: string | null;
  readonly unsigned: boolean | null;
  /** null also where the collation is none that we know. */
  readonly charset: string | null;
  /** Of ENUM and SET, in the column's charset. */
  readonly labels: readonly Buffer[] | null;
  /** It takes NULL. */
  readonly nullable?: boolean;
  /** Of the primary key, where keys are told. */
  readonly inKey?: boolean;
}

/** Precedes row events: which table they are about, and how its rows are written. */
export interface TableMap {
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly MappedColumn[];
  /** Whose log it is. */
  readonly flavor: ServerVersion["flavor"];
}

type Draft = { -readonly [Key in keyof MappedColumn]: MappedColumn[Key] };

/** The table's id of a table map or row event whose body begins at `start`. Hot. */
export function tableIdOf(buffer: Buffer, start: number, end: number): number {
  if (start + 8 > end) throw protocolError("a row event that ends too early");
  return buffer.readUIntLE(start, 6);
}

/** An event of type TABLE_MAP. @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeTableMap(
  buffer: Buffer,
  start: number,
  end: number,
  flavor: ServerVersion["flavor"],
): TableMap {
  const cursor = new ByteCursor(buffer, start, end);
  const tableId = cursor.uint48();
  cursor.skip(2);
  const schema = name(cursor);
  const table = name(cursor);
  const codes = cursor.bytes(cursor.lengthEncoded());
  const metas = cursor.part(cursor.lengthEncoded());
  const columns = Array.from(codes, (code) => draft(code, metas));
  const nulls = cursor.bytes((columns.length + 7) >> 3);
  for (const [index, column] of columns.entries())
    column.nullable = (((nulls[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
  while (cursor.left > 0) {
    const field = OPTIONAL[flavor][cursor.uint8()];
    const value = cursor.part(cursor.lengthEncoded());
    field?.(value, columns);
  }
  return { tableId, schema, table, columns, flavor };
}

function name(cursor: ByteCursor): string {
  const text = cursor.text(cursor.uint8());
  cursor.skip(1);
  return text;
}

function draft(code: number, metas: ByteCursor): Draft {
  const column: Draft = { code, meta: 0, name: null, unsigned: null, charset: null, labels: null };
  switch (code) {
    case ColumnCode.STRING:
    case ColumnCode.ENUM:
    case ColumnCode.SET:
      return stringOf(column, metas.uint8(), metas.uint8());
    case ColumnCode.NEWDECIMAL:
      column.meta = (metas.uint8() << 8) | metas.uint8();
      return column;
    case ColumnCode.BIT:
      column.meta = metas.uint8() + 8 * metas.uint8();
      return column;
    case ColumnCode.VARCHAR:
    case ColumnCode.VAR_STRING:
    case ColumnCode.VARCHAR_COMPRESSED:
      column.meta = metas.uint16();
      return column;
    default:
      column.meta = ONE_BYTE.has(code) ? metas.uint8() : 0;
      return column;
  }
}

const ONE_BYTE: ReadonlySet<number> = new Set([
  ColumnCode.FLOAT,
  ColumnCode.DOUBLE,
  ColumnCode.TIMESTAMP2,
  ColumnCode.DATETIME2,
  ColumnCode.TIME2,
  ColumnCode.BLOB_COMPRESSED,
  ColumnCode.VECTOR,
  ColumnCode.JSON,
  ColumnCode.TINY_BLOB,
  ColumnCode.MEDIUM_BLOB,
  ColumnCode.LONG_BLOB,
  ColumnCode.BLOB,
  ColumnCode.GEOMETRY,
]);

/** Two bits of the length hide, turned round, in the type: lengths up to 1023 came later than the format. */
function stringOf(column: Draft, type: number, length: number): Draft {
  const hidden = ((type & 0x30) ^ 0x30) << 4;
  column.code = type | 0x30;
  column.meta = hidden | length;
  return column;
}

type OptionalField = (cursor: ByteCursor, columns: readonly Draft[]) => void;

/** A YEAR is one, without a sign. */
const NUMBERS: ReadonlySet<number> = new Set([
  ColumnCode.YEAR,
  ColumnCode.TINY,
  ColumnCode.SHORT,
  ColumnCode.INT24,
  ColumnCode.LONG,
  ColumnCode.LONGLONG,
  ColumnCode.FLOAT,
  ColumnCode.DOUBLE,
  ColumnCode.NEWDECIMAL,
]);
/** Columns whose charset is told: a vector's is `binary`. */
const MYSQL_CHARACTERS: ReadonlySet<number> = new Set([
  ColumnCode.STRING,
  ColumnCode.VAR_STRING,
  ColumnCode.VARCHAR,
  ColumnCode.VARCHAR_COMPRESSED,
  ColumnCode.VECTOR,
  ColumnCode.BLOB,
  ColumnCode.BLOB_COMPRESSED,
  ColumnCode.TINY_BLOB,
  ColumnCode.MEDIUM_BLOB,
  ColumnCode.LONG_BLOB,
]);
/** MariaDB counts geometries too. */
const MARIADB_CHARACTERS: ReadonlySet<number> = new Set([...MYSQL_CHARACTERS, ColumnCode.GEOMETRY]);
const LABELLED: ReadonlySet<number> = new Set([ColumnCode.ENUM, ColumnCode.SET]);

const of = (columns: readonly Draft[], codes: ReadonlySet<number>): Draft[] =>
  columns.filter(({ code }) => codes.has(code));

/** One charset for most of these columns, and pairs of column and charset for the others. */
const defaultCharset =
  (codes: ReadonlySet<number>): OptionalField =>
  (cursor, columns) => {
    const counted = of(columns, codes);
    const usual = charsetOfCollation(cursor.lengthEncoded());
    for (const column of counted) column.charset = usual;
    while (cursor.left > 0) {
      const column = counted[cursor.lengthEncoded()];
      const charset = charsetOfCollation(cursor.lengthEncoded());
      if (column === undefined) throw protocolError("a charset of a column that is none");
      column.charset = charset;
    }
  };

const charsetOfEach =
  (codes: ReadonlySet<number>): OptionalField =>
  (cursor, columns) => {
    for (const column of of(columns, codes))
      column.charset = charsetOfCollation(cursor.lengthEncoded());
  };

const labelsOfEach =
  (code: number): OptionalField =>
  (cursor, columns) => {
    for (const column of of(columns, new Set([code])))
      column.labels = Array.from({ length: limited(cursor.lengthEncoded(), cursor) }, () =>
        Buffer.from(cursor.bytes(cursor.lengthEncoded())),
      );
  };

/** Each takes a byte at least: a count that cannot be is refused before memory is taken for it. */
function limited(count: number, cursor: ByteCursor): number {
  if (count > cursor.left) throw protocolError("more labels than bytes");
  return count;
}

/** Highest bit first. */
const signs: OptionalField = (cursor, columns) => {
  let bits = 0;
  for (const [index, column] of of(columns, NUMBERS).entries()) {
    if (index % 8 === 0) bits = cursor.uint8();
    column.unsigned = ((bits >> (7 - (index % 8))) & 1) === 1;
  }
};

const names: OptionalField = (cursor, columns) => {
  for (const column of columns) column.name = cursor.text(cursor.lengthEncoded());
};

const key: OptionalField = (cursor, columns) => {
  while (cursor.left > 0) inKey(columns[cursor.lengthEncoded()]);
};

/** Pairs of column and length of the part that counts. */
const keyOfParts: OptionalField = (cursor, columns) => {
  while (cursor.left > 0) {
    inKey(columns[cursor.lengthEncoded()]);
    cursor.lengthEncoded();
  }
};

function inKey(column: Draft | undefined): void {
  if (column === undefined) throw protocolError("a key of a column that is none");
  column.inKey = true;
}

type OptionalFields = Readonly<Record<number, OptionalField>>;

/** By their numbers; visibility and kinds of geometries are of no use here. */
const fieldsOf = (characters: ReadonlySet<number>): OptionalFields => ({
  1: signs,
  2: defaultCharset(characters),
  3: charsetOfEach(characters),
  4: names,
  5: labelsOfEach(ColumnCode.SET),
  6: labelsOfEach(ColumnCode.ENUM),
  8: key,
  9: keyOfParts,
  10: defaultCharset(LABELLED),
  11: charsetOfEach(LABELLED),
});

const OPTIONAL: Readonly<Record<ServerVersion["flavor"], OptionalFields>> = {
  mysql: fieldsOf(MYSQL_CHARACTERS),
  mariadb: fieldsOf(MARIADB_CHARACTERS),
};
