import { parseClauses } from "./ddl-alter.ts";
import { parseCreateTable, skipWait, takeOptions, takeTable } from "./ddl-create.ts";
import { NotUnderstood, TokenCursor } from "./ddl-cursor.ts";
import { lexSql, lexWords, type SqlDialect, SqlMode } from "./ddl-lexer.ts";
import type { DdlStatement, TableName } from "./ddl-statement.ts";
import { skipVariables } from "./statement-kind.ts";

/** What CREATE, ALTER and DROP are about beside tables and databases, or the words before it. */
const NO_TABLES: ReadonlySet<string> = new Set(
  (
    "AGGREGATE ALGORITHM DEFINER EVENT FULLTEXT FUNCTION INDEX INSTANCE JSON LIBRARY LOGFILE OFFLINE ONLINE PACKAGE " +
    "PREPARE PROCEDURE RESOURCE ROLE SEQUENCE SERVER SPATIAL SQL TABLESPACE TEMPORARY TRIGGER UNDO UNIQUE USER VECTOR VIEW"
  ).split(" "),
);

/** Enough to tell what a statement is about. */
const FIRST_WORDS = 6;

/** What a statement of the log means for shapes: null for nothing, `unknown` where that cannot be said of any table. */
export type ParsedDdl = DdlStatement | "unknown" | null;

/**
 * Reads a statement that makes, alters or drops things ({@link statementKind}), as the log has it. One that names its tables and is not understood is one of kind
 * `notUnderstood`; a clause is never left out in the hope that it does not matter.
 */
export function parseDdl(sql: string, dialect: SqlDialect): ParsedDdl {
  // Bytes that are no text: the names in it would be other ones.
  const tokens = sql.includes("\ufffd") ? null : lexSql(sql, dialect);
  if (tokens === null) return "unknown";
  const last = tokens.at(-1);
  const cursor = new TokenCursor(last?.key === ";" ? tokens.slice(0, -1) : tokens);
  try {
    // In another mode the words behind it mean something else.
    if (setsMode(cursor) || !skipVariables(cursor)) return "unknown";
    return parseStatement(cursor, dialect);
  } catch (error) {
    if (error instanceof NotUnderstood) return "unknown";
    throw error;
  }
}

/** By its first words alone: it makes, alters or drops what no shape depends on. */
export function isOfNoTable(sql: string, dialect: SqlDialect): boolean {
  const cursor = new TokenCursor(lexWords(sql, dialect, FIRST_WORDS).tokens);
  if (!cursor.hasOne("CREATE", "ALTER", "DROP")) return false;
  cursor.has("OR REPLACE");
  // Of a temporary table's rows it says nothing.
  return cursor.key() !== "TEMPORARY" && NO_TABLES.has(cursor.key());
}

function setsMode(cursor: TokenCursor): boolean {
  return cursor.key() === "SET" && cursor.some((key) => key === "SQL_MODE");
}

function parseStatement(cursor: TokenCursor, dialect: SqlDialect): ParsedDdl {
  if (cursor.has("CREATE")) return parseCreate(cursor, dialect);
  if (cursor.has("ALTER")) return parseAlter(cursor, dialect);
  if (cursor.has("DROP")) return parseDrop(cursor);
  if (cursor.has("RENAME")) return parseRename(cursor);
  if (cursor.has("TRUNCATE")) return parseTruncate(cursor);
  return "unknown";
}

/** What is thrown behind the tables' names is told of them. */
function about(tables: readonly TableName[], parse: () => DdlStatement): DdlStatement {
  try {
    return parse();
  } catch (error) {
    if (error instanceof NotUnderstood) return { kind: "notUnderstood", tables };
    throw error;
  }
}

/** Modes in which types' names mean other types. */
function hasOtherTypes({ flavor, sqlMode }: SqlDialect): boolean {
  return flavor === "mariadb" && (sqlMode & (SqlMode.ORACLE | SqlMode.MAXDB)) !== 0;
}

function parseCreate(cursor: TokenCursor, dialect: SqlDialect): ParsedDdl {
  const replaces = cursor.has("OR REPLACE");
  if (cursor.has("TEMPORARY")) return null;
  if (cursor.hasOne("DATABASE", "SCHEMA")) {
    const ifNotExists = cursor.has("IF NOT EXISTS");
    const database = cursor.name();
    const charset = takeOptions(cursor);
    return { kind: "createDatabase", database, charset, ifNotExists, replaces };
  }
  // An index that CREATE INDEX makes is never the primary key.
  if (!cursor.has("TABLE")) return nothingOf(cursor);
  const ifNotExists = cursor.has("IF NOT EXISTS");
  const table = takeTable(cursor);
  return about([table], () => {
    if (hasOtherTypes(dialect)) throw new NotUnderstood();
    return parseCreateTable(cursor, table, ifNotExists, dialect);
  });
}

function parseAlter(cursor: TokenCursor, dialect: SqlDialect): ParsedDdl {
  if (cursor.hasOne("DATABASE", "SCHEMA")) return parseAlterDatabase(cursor);
  const isIgnore = takeAlterModes(cursor);
  if (!cursor.has("TABLE")) return nothingOf(cursor);
  cursor.has("IF EXISTS");
  const table = takeTable(cursor);
  return about([table], () => {
    if (hasOtherTypes(dialect)) throw new NotUnderstood();
    skipWait(cursor);
    const clauses = parseClauses(cursor, dialect);
    // IGNORE drops the rows that would be refused.
    if (isIgnore) clauses.push({ kind: "moveRows", others: [] });
    return { kind: "alterTable", table, clauses };
  });
}

/** Null for what no shape depends on; what nobody knows may be a table by another name. */
function nothingOf(cursor: TokenCursor): ParsedDdl {
  return NO_TABLES.has(cursor.key()) ? null : "unknown";
}

function takeAlterModes(cursor: TokenCursor): boolean {
  let isIgnore = false;
  for (;;) {
    if (cursor.has("IGNORE")) isIgnore = true;
    else if (!cursor.hasOne("ONLINE", "OFFLINE")) return isIgnore;
  }
}

const DATABASE_OPTIONS = [
  "DEFAULT",
  "CHARACTER",
  "CHARSET",
  "CHAR",
  "COLLATE",
  "COMMENT",
  "ENCRYPTION",
];

function parseAlterDatabase(cursor: TokenCursor): ParsedDdl {
  const isNamed =
    !DATABASE_OPTIONS.includes(cursor.key()) &&
    !(cursor.key() === "READ" && cursor.key(1) === "ONLY");
  const database = isNamed ? cursor.name() : null;
  if (cursor.has("UPGRADE")) return null;
  if (cursor.has("READ ONLY")) {
    cursor.skipRest();
    return null;
  }
  return { kind: "alterDatabase", database, charset: takeOptions(cursor) };
}

function parseDrop(cursor: TokenCursor): ParsedDdl {
  if (cursor.hasOne("DATABASE", "SCHEMA")) {
    cursor.has("IF EXISTS");
    const database = cursor.name();
    cursor.expectEnd();
    return { kind: "dropDatabase", database };
  }
  if (cursor.has("INDEX")) return parseDropIndex(cursor);
  if (!cursor.hasOne("TABLE", "TABLES")) return nothingOf(cursor);
  cursor.has("IF EXISTS");
  const tables: TableName[] = [];
  do tables.push(takeTable(cursor));
  while (cursor.has(","));
  return about(tables, () => {
    skipWait(cursor);
    cursor.hasOne("RESTRICT", "CASCADE");
    cursor.expectEnd();
    return { kind: "dropTables", tables };
  });
}

/** The primary key's index is called PRIMARY. */
function parseDropIndex(cursor: TokenCursor): ParsedDdl {
  cursor.has("IF EXISTS");
  const index = cursor.name();
  cursor.expect("ON");
  const table = takeTable(cursor);
  if (index.toUpperCase() !== "PRIMARY") return null;
  return { kind: "alterTable", table, clauses: [{ kind: "dropPrimaryKey" }] };
}

function parseRename(cursor: TokenCursor): ParsedDdl {
  if (!cursor.hasOne("TABLE", "TABLES")) return cursor.key() === "USER" ? null : "unknown";
  cursor.has("IF EXISTS");
  const pairs = cursor.rest().map((part) => {
    const from = takeTable(part);
    skipWait(part);
    part.expect("TO");
    const to = takeTable(part);
    part.expectEnd();
    return { from, to };
  });
  return { kind: "renameTables", pairs };
}

function parseTruncate(cursor: TokenCursor): ParsedDdl {
  cursor.has("TABLE");
  const table = takeTable(cursor);
  skipWait(cursor);
  cursor.expectEnd();
  return { kind: "truncate", table };
}
