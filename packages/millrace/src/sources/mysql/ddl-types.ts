import { DEFAULT_CHARSET, charsetOfCollationName, maxBytesOf, takeCharset } from "./ddl-charset.ts";
import { NotUnderstood, type TokenCursor } from "./ddl-cursor.ts";
import { type SqlDialect, SqlMode } from "./ddl-lexer.ts";
import type { TypeSpec } from "./ddl-statement.ts";

const SYNONYMS: Readonly<Record<string, string>> = {
  INT1: "tinyint",
  INT2: "smallint",
  INT3: "mediumint",
  MIDDLEINT: "mediumint",
  INT4: "int",
  INTEGER: "int",
  INT8: "bigint",
  DEC: "decimal",
  NUMERIC: "decimal",
  FIXED: "decimal",
  FLOAT4: "float",
  FLOAT8: "double",
  GEOMETRYCOLLECTION: "geomcollection",
};

const INTEGERS = new Set(["tinyint", "smallint", "mediumint", "int", "bigint"]);
const TIMES = new Set(["time", "datetime", "timestamp"]);
const TEXTS = ["tinytext", "text", "mediumtext", "longtext"];
const BLOBS = ["tinyblob", "blob", "mediumblob", "longblob"];
/** Types that are one word, by what knows them. */
const PLAIN = new Set(
  "date json geometry point linestring polygon multipoint multilinestring multipolygon geomcollection".split(
    " ",
  ),
);
const PLAIN_OF_MARIADB = new Set(["uuid", "inet4", "inet6"]);

const spec = (base: string, inside = "", more: Partial<TypeSpec> = {}): TypeSpec => ({
  base,
  inside,
  suffix: "",
  charset: null,
  characters: null,
  ...more,
});

/** Reads a type; what is behind it of charsets are attributes. @throws NotUnderstood */
export function takeType(cursor: TokenCursor, dialect: SqlDialect): TypeSpec {
  const { kind, key } = cursor.take();
  if (kind !== "word") throw new NotUnderstood();
  const base = SYNONYMS[key] ?? key.toLowerCase();
  if (INTEGERS.has(base)) return integerType(cursor, base);
  if (base === "decimal") return decimalType(cursor);
  if (TIMES.has(base)) return spec(base, precisionText(optionalNumbers(cursor)));
  if (TEXTS.includes(base) || BLOBS.includes(base)) return longType(cursor, base);
  if (PLAIN.has(base) || (dialect.flavor === "mariadb" && PLAIN_OF_MARIADB.has(base)))
    return base === "json" && dialect.flavor === "mariadb"
      ? spec("longtext", "", { charset: "utf8mb4" })
      : spec(base);
  return otherType(cursor, base.toUpperCase(), dialect);
}

function otherType(cursor: TokenCursor, key: string, dialect: SqlDialect): TypeSpec {
  switch (key) {
    case "BOOL":
    case "BOOLEAN":
      return spec("tinyint", "(1)");
    case "SERIAL":
      return spec("bigint", "", { suffix: " unsigned" });
    case "BIT":
      return spec("bit", `(${optionalNumbers(cursor)[0] ?? 1})`);
    case "YEAR":
      optionalNumbers(cursor);
      return spec("year");
    case "FLOAT":
      return floatType(cursor);
    case "DOUBLE":
      cursor.has("PRECISION");
      return realType(cursor, "double");
    case "REAL":
      return realType(cursor, dialect.sqlMode & SqlMode.REAL_AS_FLOAT ? "float" : "double");
    case "VECTOR":
      return spec("vector", `(${optionalNumbers(cursor)[0] ?? 2048})`);
    case "ENUM":
    case "SET":
      return spec(key.toLowerCase(), `(${labels(cursor).join(",")})`);
    case "LONG":
      return longWord(cursor);
    default:
      return characterType(cursor, key);
  }
}

function integerType(cursor: TokenCursor, base: string): TypeSpec {
  const [width] = optionalNumbers(cursor);
  const suffix = takeSign(cursor);
  // Widths are for display, but for the one that says that a TINYINT is a boolean.
  return spec(base, base === "tinyint" && width === 1 && suffix === "" ? "(1)" : "", { suffix });
}

function decimalType(cursor: TokenCursor): TypeSpec {
  const [precision = 0, scale = 0] = optionalNumbers(cursor);
  return spec("decimal", `(${precision === 0 ? 10 : precision},${scale})`, {
    suffix: takeSign(cursor),
  });
}

function floatType(cursor: TokenCursor): TypeSpec {
  const numbers = optionalNumbers(cursor);
  const [digits = 0] = numbers;
  if (numbers.length < 2)
    return spec(digits > 24 ? "double" : "float", "", { suffix: takeSign(cursor) });
  return spec("float", `(${numbers.join(",")})`, { suffix: takeSign(cursor) });
}

function realType(cursor: TokenCursor, base: string): TypeSpec {
  const numbers = optionalNumbers(cursor);
  const inside = numbers.length === 2 ? `(${numbers.join(",")})` : "";
  return spec(base, inside, { suffix: takeSign(cursor) });
}

/** ` unsigned` or ''; ZEROFILL is unsigned. */
function takeSign(cursor: TokenCursor): string {
  let suffix = "";
  for (;;) {
    if (cursor.has("SIGNED")) continue;
    if (!cursor.hasOne("UNSIGNED", "ZEROFILL")) return suffix;
    suffix = " unsigned";
  }
}

function longType(cursor: TokenCursor, base: string): TypeSpec {
  const isSized = (base === "text" || base === "blob") && cursor.key() === "(";
  return spec(base, "", { characters: isSized ? (optionalNumbers(cursor)[0] ?? 0) : null });
}

/** LONG, LONG VARCHAR, LONG VARBINARY. */
function longWord(cursor: TokenCursor): TypeSpec {
  if (cursor.has("VARBINARY")) return spec("mediumblob");
  cursor.hasOne("VARCHAR", "VARCHARACTER", "CHAR VARYING", "CHARACTER VARYING");
  return spec("mediumtext");
}

function characterType(cursor: TokenCursor, key: string): TypeSpec {
  if (key === "BINARY") return spec("binary", `(${optionalNumbers(cursor)[0] ?? 1})`);
  if (key === "VARBINARY") return spec("varbinary", `(${requiredNumber(cursor)})`);
  const isNational = key === "NATIONAL" || key === "NCHAR" || key === "NVARCHAR";
  const word = key === "NATIONAL" ? cursor.take().key : key;
  const more = isNational ? { charset: "utf8mb3" } : {};
  if (word === "VARCHAR" || word === "VARCHARACTER" || word === "NVARCHAR")
    return spec("varchar", `(${requiredNumber(cursor)})`, more);
  if (word !== "CHAR" && word !== "CHARACTER" && word !== "NCHAR") throw new NotUnderstood();
  if (cursor.has("VARYING") || (word === "NCHAR" && cursor.hasOne("VARCHAR", "VARCHARACTER")))
    return spec("varchar", `(${requiredNumber(cursor)})`, more);
  return spec("char", `(${optionalNumbers(cursor)[0] ?? 1})`, more);
}

function optionalNumbers(cursor: TokenCursor): readonly number[] {
  if (cursor.key() !== "(") return [];
  const text = cursor
    .group()
    .map((token) => token.text)
    .join("");
  if (!/^\d{1,10}(?:[.,]\d{1,3})?$/.test(text)) throw new NotUnderstood();
  // `10,2` comes as three words; `10.2` would be none of a type.
  if (text.includes(".")) throw new NotUnderstood();
  return text.split(",").map(Number);
}

function requiredNumber(cursor: TokenCursor): number {
  const [number] = optionalNumbers(cursor);
  if (number === undefined) throw new NotUnderstood();
  return number;
}

function precisionText([precision = 0]: readonly number[]): string {
  return precision === 0 ? "" : `(${precision})`;
}

/** As COLUMN_TYPE has them. Blanks at the end are no part of a label. */
function labels(cursor: TokenCursor): string[] {
  return cursor.groupParts().map((part) => {
    const { kind, text } = part.take();
    part.expectEnd();
    if (kind !== "string") throw new NotUnderstood();
    return quoteLabel(text.replace(/ +$/, ""));
  });
}

/** A label as {@link parseColumnType} takes it apart again. */
export function quoteLabel(label: string): string {
  return `'${label.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** CHARACTER SET and its like behind a type; undefined where something else comes. */
export function takeTypeAttribute(cursor: TokenCursor, type: TypeSpec): TypeSpec | undefined {
  const charset = takeCharset(cursor);
  if (charset !== undefined)
    return { ...type, charset: charset === DEFAULT_CHARSET ? null : charset };
  if (cursor.has("ASCII")) return { ...type, charset: "latin1" };
  if (cursor.has("UNICODE")) return { ...type, charset: "ucs2" };
  if (cursor.has("BYTE")) return { ...type, charset: "binary" };
  // The collation of the charset that compares bytes.
  if (cursor.has("BINARY")) return type;
  if (cursor.has("COLLATE")) {
    if (cursor.has("DEFAULT")) return type;
    return { ...type, charset: charsetOfCollationName(cursor.take().text) ?? type.charset };
  }
  if (!cursor.has("COMPRESSED")) return undefined;
  if (cursor.has("=")) cursor.take();
  return { ...type, suffix: `${type.suffix} compressed` };
}

/** Most bytes of a row, and so of a VARCHAR. */
const MAX_VARCHAR_BYTES = 65_532;
const TEXT_BYTES = [255, 65_535, 16_777_215, 4_294_967_295];

/**
 * `Column.sourceType` of a type in a table whose default charset is known; null where the server would take another
 * type than was asked for, or where we cannot say.
 */
export function typeText(type: TypeSpec, tableCharset: string | null): string | null {
  const { base, inside, suffix } = type;
  const blob = BLOBS.indexOf(base);
  if (blob >= 0) return sized(BLOBS, blob, type.characters, 1) + suffix;
  const text = TEXTS.indexOf(base);
  const isLabelled = base === "enum" || base === "set";
  if (text < 0 && base !== "char" && base !== "varchar" && !isLabelled)
    return `${base}${inside}${suffix}`;
  const charset = type.charset ?? tableCharset;
  const bytes = charset === null ? null : maxBytesOf(charset);
  if (bytes === null || charset === null) return null;
  const isBinary = charset === "binary";
  if (text >= 0 && isBinary) return sized(BLOBS, text, type.characters, 1) + suffix;
  const ending = isBinary ? suffix : `${suffix} character set ${charset}`;
  if (text >= 0) return sized(TEXTS, text, type.characters, bytes) + ending;
  if (isLabelled) return isLabelOf(inside, charset) ? `${base}${inside}${ending}` : null;
  const length = Number(inside.slice(1, -1));
  if (base === "char" ? length > 255 : length * bytes > MAX_VARCHAR_BYTES) return null;
  return `${isBinary ? base.replace("char", "binary") : base}${inside}${ending}`;
}

/** Labels outside of ASCII may be other ones in charsets that lack their characters. */
function isLabelOf(inside: string, charset: string): boolean {
  return charset.startsWith("utf8") || /^[\0-\x7f]*$/.test(inside);
}

function sized(
  names: readonly string[],
  index: number,
  characters: number | null,
  maxBytes: number,
): string {
  const bytes = characters ?? 0;
  const fitting = bytes === 0 ? index : TEXT_BYTES.findIndex((limit) => bytes * maxBytes <= limit);
  return names[fitting] ?? names[names.length - 1] ?? "";
}

/**
 * A text column's type once CONVERT TO CHARACTER SET has been at it: TEXT types grow to hold as many characters.
 * @returns null where it depends on more than the type.
 */
export function convertedText(sourceType: string, charset: string): string | null {
  const [, type = "", from = ""] = /^(.*) character set (\w+)$/s.exec(sourceType) ?? [];
  if (from === "") return sourceType;
  const [before, after] = [maxBytesOf(from), maxBytesOf(charset)];
  if (before === null || after === null || charset === "binary") return null;
  const ending = ` character set ${charset}`;
  const [base = ""] = type.split(/[ (]/);
  const text = TEXTS.indexOf(base);
  if (text >= 0) {
    const grown = after > before && text < TEXTS.length - 1 ? text + 1 : text;
    return `${TEXTS[grown] ?? base}${type.slice(base.length)}${ending}`;
  }
  if (base === "enum" || base === "set")
    return /^[\0-\x7f]*$/.test(type) ? `${type}${ending}` : null;
  const length = Number(/\((\d+)\)/.exec(type)?.[1] ?? 0);
  return length * after > MAX_VARCHAR_BYTES ? null : `${type}${ending}`;
}
