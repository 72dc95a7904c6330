import { takeCharset, takeCollation } from "./ddl-charset.ts";
import { takeColumn } from "./ddl-columns.ts";
import { NotUnderstood, type TokenCursor } from "./ddl-cursor.ts";
import type { SqlDialect } from "./ddl-lexer.ts";
import type { CharsetSpec, ColumnSpec, DdlStatement, TableName } from "./ddl-statement.ts";

/** A table's name, with its database's before it where the statement says so. */
export function takeTable(cursor: TokenCursor): TableName {
  const first = cursor.name();
  return cursor.has(".")
    ? { database: first, name: cursor.name() }
    : { database: null, name: first };
}

/** `WAIT n` or `NOWAIT`, which MariaDB knows. */
export function skipWait(cursor: TokenCursor): void {
  if (cursor.has("NOWAIT") || !cursor.has("WAIT")) return;
  cursor.integer();
}

/** Behind CREATE TABLE. @throws NotUnderstood */
export function parseCreateTable(
  cursor: TokenCursor,
  table: TableName,
  ifNotExists: boolean,
  dialect: SqlDialect,
): DdlStatement {
  const like = takeLike(cursor);
  if (like !== null) return { kind: "createLike", table, like, ifNotExists };
  const columns: ColumnSpec[] = [];
  const keys: (readonly string[])[] = [];
  for (const part of cursor.groupParts()) {
    const element = takeElement(part, dialect);
    if (element === null) continue;
    if ("name" in element) columns.push(element);
    else keys.push(element.key);
  }
  const [inline] = columns.filter(({ primary }) => primary).map(({ name }) => [name]);
  const key = keys[0] ?? inline ?? [];
  return { kind: "createTable", table, columns, key, charset: takeOptions(cursor), ifNotExists };
}

function takeLike(cursor: TokenCursor): TableName | null {
  if (cursor.has("LIKE")) {
    const like = takeTable(cursor);
    cursor.expectEnd();
    return like;
  }
  if (cursor.key() !== "(" || cursor.key(1) !== "LIKE") return null;
  const [part] = cursor.groupParts();
  if (part === undefined) throw new NotUnderstood();
  cursor.expectEnd();
  part.expect("LIKE");
  const like = takeTable(part);
  part.expectEnd();
  return like;
}

/** One line of a table's definition: a column, a primary key, or null for what shapes do not depend on. */
export function takeElement(
  cursor: TokenCursor,
  dialect: SqlDialect,
): ColumnSpec | { readonly key: readonly string[] } | null {
  const key = takeKey(cursor);
  if (key !== undefined) return key;
  const column = takeColumn(cursor, cursor.columnName(), dialect);
  cursor.expectEnd();
  return column;
}

/** A key or constraint: the primary key's columns, null for others, undefined where it is none. */
export function takeKey(
  cursor: TokenCursor,
): { readonly key: readonly string[] } | null | undefined {
  const isConstraint = cursor.has("CONSTRAINT");
  if (isConstraint && !isKeyWord(cursor)) cursor.name();
  if (cursor.has("PRIMARY KEY")) return { key: primaryKey(cursor) };
  if (!isKeyWord(cursor)) {
    if (isConstraint) throw new NotUnderstood();
    return undefined;
  }
  // Behind these only names, expressions and options of the index come, up to the clause's end.
  cursor.skipRest();
  return null;
}

function isKeyWord(cursor: TokenCursor): boolean {
  const key = cursor.key();
  // Reserved words, so that no column has them for a name without quotes.
  if (
    ["PRIMARY", "UNIQUE", "INDEX", "KEY", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"].includes(key)
  )
    return true;
  return key === "VECTOR" && ["INDEX", "KEY"].includes(cursor.key(1));
}

function primaryKey(cursor: TokenCursor): readonly string[] {
  cursor.has("IF NOT EXISTS");
  while (cursor.key() !== "(") cursor.take();
  const columns = cursor.groupParts().map((part) => {
    const name = part.name();
    if (part.key() === "(") part.group();
    part.hasOne("ASC", "DESC");
    // MariaDB's WITHOUT OVERLAPS among others.
    part.expectEnd();
    return name;
  });
  cursor.skipRest();
  return columns;
}

/** Options that take a value, which is one word. */
const VALUED = new Set(
  (
    "ENGINE TYPE AUTO_INCREMENT COMMENT ROW_FORMAT KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS AVG_ROW_LENGTH CHECKSUM " +
    "TABLE_CHECKSUM DELAY_KEY_WRITE PACK_KEYS STATS_PERSISTENT STATS_AUTO_RECALC STATS_SAMPLE_PAGES COMPRESSION " +
    "ENCRYPTION CONNECTION PASSWORD AUTOEXTEND_SIZE ENGINE_ATTRIBUTE SECONDARY_ENGINE_ATTRIBUTE SECONDARY_ENGINE " +
    "INSERT_METHOD TABLESPACE STORAGE"
  ).split(" "),
);

/**
 * The options of a table or a database, to the end of the clause.
 * @returns the default charset as {@link CharsetSpec}. @throws NotUnderstood
 */
export function takeOptions(cursor: TokenCursor): CharsetSpec {
  let charset: CharsetSpec = null;
  while (!cursor.isAtEnd) {
    cursor.has(",");
    cursor.has("DEFAULT");
    const named = takeCharset(cursor) ?? takeCollation(cursor);
    if (named !== undefined) {
      if (charset !== null && named !== null && named !== charset) throw new NotUnderstood();
      charset = named ?? charset;
    } else if (cursor.has("PARTITION BY")) {
      if (cursor.holds("SELECT") || cursor.holds("AS")) throw new NotUnderstood();
      cursor.skipRest();
    } else skipOption(cursor);
  }
  return charset;
}

function skipOption(cursor: TokenCursor): void {
  if (cursor.has("START TRANSACTION")) return;
  cursor.hasOne("DATA", "INDEX");
  const { kind, key } = cursor.take();
  if (kind !== "word") throw new NotUnderstood();
  const isValued = VALUED.has(key) || key === "DIRECTORY" || key === "UNION" || key === "READ";
  // MariaDB's engines know more: `name=value`.
  if (!cursor.has("=") && !isValued) throw new NotUnderstood();
  if (cursor.key() === "(") cursor.group();
  else {
    cursor.has("-");
    const value = cursor.take();
    if (value.kind === "symbol") throw new NotUnderstood();
  }
}
