import type { Column } from "../../model/table.ts";
import { ColumnCode, type MappedColumn } from "./table-map.ts";
import { charsetOf } from "./charsets.ts";
import { type ColumnType, isGeometry } from "./types.ts";

const { STRING, VARCHAR, VAR_STRING, BLOB, BLOB_COMPRESSED, VARCHAR_COMPRESSED } = ColumnCode;
const BLOBS = [
  BLOB,
  BLOB_COMPRESSED,
  ColumnCode.TINY_BLOB,
  ColumnCode.MEDIUM_BLOB,
  ColumnCode.LONG_BLOB,
];
const VARIABLE = [VARCHAR, VAR_STRING, VARCHAR_COMPRESSED];

/** What a type of the catalogue is in the log. */
const CODES: Readonly<Record<string, readonly number[]>> = {
  tinyint: [ColumnCode.TINY],
  smallint: [ColumnCode.SHORT],
  mediumint: [ColumnCode.INT24],
  int: [ColumnCode.LONG],
  bigint: [ColumnCode.LONGLONG],
  float: [ColumnCode.FLOAT],
  double: [ColumnCode.DOUBLE],
  decimal: [ColumnCode.NEWDECIMAL],
  bit: [ColumnCode.BIT],
  year: [ColumnCode.YEAR],
  date: [ColumnCode.DATE, ColumnCode.NEWDATE],
  time: [ColumnCode.TIME2, ColumnCode.TIME],
  datetime: [ColumnCode.DATETIME2, ColumnCode.DATETIME],
  timestamp: [ColumnCode.TIMESTAMP2, ColumnCode.TIMESTAMP],
  char: [STRING],
  binary: [STRING],
  uuid: [STRING],
  inet4: [STRING],
  inet6: [STRING],
  varchar: VARIABLE,
  varbinary: VARIABLE,
  tinytext: BLOBS,
  text: BLOBS,
  mediumtext: BLOBS,
  longtext: BLOBS,
  tinyblob: BLOBS,
  blob: BLOBS,
  mediumblob: BLOBS,
  longblob: BLOBS,
  enum: [ColumnCode.ENUM],
  set: [ColumnCode.SET],
  json: [ColumnCode.JSON],
  vector: [ColumnCode.VECTOR, BLOB, VARCHAR],
};

/** Bytes of a length, of the types that differ in it alone. */
const LENGTH_BYTES: Readonly<Record<string, number>> = {
  tinytext: 1,
  tinyblob: 1,
  text: 2,
  blob: 2,
  mediumtext: 3,
  mediumblob: 3,
  longtext: 4,
  longblob: 4,
};

/**
 * Whether a column of a table map event may be this one: its type, and whatever else the log tells of it. How long a text
 * may be is not compared: that it grew alters no value.
 */
export function fits(mapped: MappedColumn, column: Column, type: ColumnType): boolean {
  const codes = isGeometry(type) ? [ColumnCode.GEOMETRY] : (CODES[type.base] ?? []);
  return (
    codes.includes(mapped.code) &&
    (mapped.name === null || mapped.name === column.name) &&
    (mapped.unsigned === null || mapped.unsigned === (type.unsigned || type.base === "year")) &&
    charsetFits(mapped, type) &&
    metaFits(mapped, type) &&
    labelsFit(mapped, type)
  );
}

function charsetFits({ charset }: MappedColumn, type: ColumnType): boolean {
  if (charset === null)
    return type.charset === null || charsetOf(type.charset) !== null || type.charset === "binary";
  if (type.charset === null) return charset === "binary" || type.base in FREE;
  return charset === type.charset;
}

/** Types whose charset is nobody's business. */
const FREE: Readonly<Record<string, true>> = { uuid: true, inet4: true, inet6: true };

function metaFits({ code, meta }: MappedColumn, { base, numbers }: ColumnType): boolean {
  const [first = 0, second = 0] = numbers;
  switch (code) {
    case ColumnCode.NEWDECIMAL:
      return meta === (((numbers.length === 0 ? 10 : first) << 8) | second);
    case ColumnCode.TIME2:
    case ColumnCode.DATETIME2:
    case ColumnCode.TIMESTAMP2:
      return meta === first;
    case ColumnCode.TIME:
    case ColumnCode.DATETIME:
    case ColumnCode.TIMESTAMP:
      // MariaDB's own fractions of before 10.1 (`mysql56_temporal_format=OFF`), of whose digits the log says nothing.
      return first === 0;
    case ColumnCode.BIT:
      return meta === (numbers.length === 0 ? 1 : first);
    default:
      return !(base in LENGTH_BYTES) || meta === LENGTH_BYTES[base];
  }
}

function labelsFit({ labels }: MappedColumn, type: ColumnType): boolean {
  if (labels === null) return true;
  const charset = type.charset === null ? null : charsetOf(type.charset);
  if (labels.length !== type.labels.length) return false;
  return labels.every(
    (label, index) =>
      (charset?.decode(label, 0, label.length) ?? label.toString("latin1")) === type.labels[index],
  );
}
