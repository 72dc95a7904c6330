import { NotUnderstood, type TokenCursor } from "./ddl-cursor.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import type { ColumnSpec, Place } from "./ddl-statement.ts";
import { takeType, takeTypeAttribute } from "./ddl-types.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Attributes that say nothing of a column's values. */
const WITHOUT_MEANING = ["VISIBLE", "INVISIBLE", "VIRTUAL", "NOT SECONDARY", "ENFORCED"];

/** What follows a column's name, up to FIRST, AFTER, or the end. @throws NotUnderstood */
export function takeColumn(cursor: TokenCursor, name: string, dialect: SqlDialect): ColumnSpec {
  const isSerial = cursor.key() === "SERIAL";
  const column: Mutable<ColumnSpec> = {
    name,
    type: takeType(cursor, dialect),
    nullable: isSerial ? false : null,
    primary: false,
    generated: false,
    autoIncrement: isSerial,
    hasDefault: false,
  };
  while (!cursor.isAtEnd && cursor.key() !== "FIRST" && cursor.key() !== "AFTER") {
    const type = takeTypeAttribute(cursor, column.type);
    if (type !== undefined) column.type = type;
    else takeAttribute(cursor, column, dialect);
  }
  return column;
}

/** FIRST, AFTER x or nothing, at the end of a clause. */
export function takePlace(cursor: TokenCursor): Place | null {
  const place = cursor.has("FIRST")
    ? "first"
    : cursor.has("AFTER")
      ? { after: cursor.columnName() }
      : null;
  cursor.expectEnd();
  return place;
}

function takeAttribute(
  cursor: TokenCursor,
  column: Mutable<ColumnSpec>,
  dialect: SqlDialect,
): void {
  if (cursor.has("NOT NULL")) column.nullable = false;
  else if (cursor.has("NULL")) column.nullable = true;
  else if (cursor.has("DEFAULT")) column.hasDefault = takeDefault(cursor);
  else if (cursor.has("AUTO_INCREMENT")) column.autoIncrement = true;
  else if (cursor.has("SERIAL DEFAULT VALUE")) {
    column.autoIncrement = true;
    column.nullable = false;
  } else if (cursor.has("UNIQUE")) cursor.has("KEY");
  else if (cursor.has("PRIMARY")) {
    cursor.has("KEY");
    column.primary = true;
  } else if (cursor.has("KEY")) column.primary = true;
  else if (cursor.hasOne("GENERATED ALWAYS AS", "AS")) {
    column.generated = true;
    // MariaDB's ROW START and ROW END come without parentheses, with a table that is not understood either.
    cursor.group();
  } else if (cursor.hasOne("STORED", "PERSISTENT")) return;
  else skipAttribute(cursor, dialect);
}

function skipAttribute(cursor: TokenCursor, dialect: SqlDialect): void {
  if (cursor.hasOne(...WITHOUT_MEANING, "NOT ENFORCED")) return;
  if (cursor.hasOne("COMMENT", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE")) {
    cursor.has("=");
    cursor.string();
  } else if (cursor.hasOne("COLUMN_FORMAT", "STORAGE")) cursor.name();
  else if (cursor.has("SRID")) cursor.integer();
  else if (cursor.has("REF_SYSTEM_ID =")) cursor.integer();
  else if (cursor.has("CHECK")) cursor.group();
  else if (cursor.has("CONSTRAINT")) {
    if (cursor.key() !== "CHECK") cursor.name();
    cursor.expect("CHECK");
    cursor.group();
  } else if (cursor.has("REFERENCES")) skipReference(cursor);
  else if (cursor.has("ON UPDATE")) skipNow(cursor);
  else if (dialect.flavor === "mariadb" && cursor.key(1) === "=") skipOption(cursor);
  else throw new NotUnderstood();
}

/** What an engine of MariaDB's knows: `name=value`. */
function skipOption(cursor: TokenCursor): void {
  cursor.name();
  cursor.take();
  cursor.take();
}

/** Behind REFERENCES, in a column's definition or a key's. */
function skipReference(cursor: TokenCursor): void {
  cursor.columnName();
  if (cursor.key() === "(") cursor.group();
  if (cursor.has("MATCH")) cursor.take();
  while (cursor.hasOne("ON DELETE", "ON UPDATE"))
    if (!cursor.hasOne("RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION"))
      throw new NotUnderstood();
}

function skipNow(cursor: TokenCursor): void {
  if (!cursor.hasOne("NOW", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"))
    throw new NotUnderstood();
  if (cursor.key() === "(") cursor.group();
}

/** @returns whether the default is anything but NULL. */
function takeDefault(cursor: TokenCursor): boolean {
  if (cursor.has("NULL")) return false;
  takeOperand(cursor);
  return true;
}

function takeOperand(cursor: TokenCursor): void {
  while (cursor.hasOne("+", "-"));
  if (cursor.key() === "(") {
    cursor.group();
    return;
  }
  if (cursor.hasOne("NEXT VALUE FOR", "PREVIOUS VALUE FOR")) {
    cursor.columnName();
    return;
  }
  cursor.has(".");
  const { kind, key } = cursor.take();
  if (kind === "symbol") throw new NotUnderstood();
  if (kind === "word" && cursor.key() === "(") cursor.group();
  const isIntroduced =
    key.startsWith("_") || ["N", "DATE", "TIME", "TIMESTAMP", "X", "B"].includes(key);
  if (kind === "word" && isIntroduced && (cursor.kind() === "string" || cursor.kind() === "number"))
    cursor.take();
  if (kind === "string" || isIntroduced) while (cursor.kind() === "string") cursor.take();
}
