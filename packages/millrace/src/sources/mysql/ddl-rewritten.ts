import type { Column } from "../../model/table.ts";
import { maxBytesOf } from "./ddl-charset.ts";
import { SqlMode } from "./ddl-lexer.ts";
import { parseColumnType, type ColumnType } from "./types.ts";

/** True where a column of existing rows may have another value once it has this type: without a row event (I1). */
export function mayRewrite(before: Column, after: Column, sqlMode: number): boolean {
  if (before.nullable && !after.nullable) {
    // Strict modes refuse what is NULL; a TIMESTAMP takes the present time instead.
    if ((sqlMode & SqlMode.STRICT) === 0 || after.sourceType.startsWith("timestamp")) return true;
  }
  if (before.sourceType === after.sourceType) return false;
  const from = parseColumnType(before.sourceType);
  const to = parseColumnType(after.sourceType);
  return from === null || to === null || !keepsValues(from, to);
}

const INTEGERS = ["tinyint", "smallint", "mediumint", "int", "bigint"];
const TEXTS = ["tinytext", "text", "mediumtext", "longtext"];
const BLOBS = ["tinyblob", "blob", "mediumblob", "longblob"];

function keepsValues(from: ColumnType, to: ColumnType): boolean {
  const integers = [INTEGERS.indexOf(from.base), INTEGERS.indexOf(to.base)] as const;
  if (integers.every((index) => index >= 0)) return holdsIntegers(from, to, integers);
  if (from.base === "decimal" && to.base === "decimal") return holdsDecimals(from, to);
  if (from.base === "enum" || from.base === "set") return holdsLabels(from, to);
  const grows = [TEXTS, BLOBS].some((names) => holdsLong(names, from, to));
  return (grows || holdsShort(from, to)) && holdsCharset(from.charset, to.charset);
}

function holdsIntegers(
  from: ColumnType,
  to: ColumnType,
  [small, large]: readonly [number, number],
): boolean {
  if (from.unsigned === to.unsigned) return small <= large;
  return from.unsigned && small < large;
}

function holdsDecimals(from: ColumnType, to: ColumnType): boolean {
  const [precision = 10, scale = 0] = from.numbers;
  const [toPrecision = 10, toScale = 0] = to.numbers;
  return scale === toScale && precision <= toPrecision && (from.unsigned || !to.unsigned);
}

/** Labels are looked up by their text, which is what their values are: more of them may follow. */
function holdsLabels(from: ColumnType, to: ColumnType): boolean {
  return (
    from.base === to.base &&
    from.labels.every((label, index) => label === to.labels[index]) &&
    holdsCharset(from.charset, to.charset)
  );
}

function holdsLong(names: readonly string[], from: ColumnType, to: ColumnType): boolean {
  const index = names.indexOf(from.base);
  return index >= 0 && index <= names.indexOf(to.base);
}

/** VARCHAR and VARBINARY that grow, also out of what they are; CHAR has no blanks at its end to lose. */
function holdsShort(from: ColumnType, to: ColumnType): boolean {
  const [length = 0] = from.numbers;
  const isText = from.base === "varchar" || from.base === "char";
  if (!isText && from.base !== "varbinary") return false;
  const family = isText ? TEXTS : BLOBS;
  if (to.base === from.base || (isText && to.base === "varchar"))
    return length <= (to.numbers[0] ?? 0);
  const bytes = length * maxBytesOfText(from);
  return bytes <= (LONG_BYTES[family.indexOf(to.base)] ?? -1);
}

const LONG_BYTES = [255, 65_535, 16_777_215, 4_294_967_295];

function maxBytesOfText({ charset }: ColumnType): number {
  return charset === null ? 1 : 4;
}

/** utf8mb4 has the characters of all others. */
function holdsCharset(from: string | null, to: string | null): boolean {
  if (from === to) return true;
  if (from === null || to === null || from === "binary") return false;
  if (maxBytesOf(from) === null) return false;
  return to === "utf8mb4" || from === "ascii";
}
