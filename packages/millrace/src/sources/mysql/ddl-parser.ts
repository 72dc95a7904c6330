import { parseClauses } from "./ddl-alter.ts";
import { parseCreateTable, skipWait, takeOptions, takeTable } from "./ddl-create.ts";
import { NotUnderstood, TokenCursor } from "./ddl-cursor.ts";
import { lexSql, type SqlDialect, SqlMode } from "./ddl-lexer.ts";
import type { DdlStatement, TableName } from "./ddl-statement.ts";

/** First words of statements that shapes do not depend on. */
const OTHERS = new Set(
  (
    "ANALYZE BEGIN BINLOG CACHE CALL CHECK CHECKSUM COMMIT DEALLOCATE DELETE DO EXECUTE FLUSH GRANT HANDLER INSERT " +
    "INSTALL KILL LOAD LOCK OPTIMIZE PREPARE PURGE RELEASE REPAIR REPLACE RESET REVOKE ROLLBACK SAVEPOINT SELECT SET " +
    "SHOW SHUTDOWN SIGNAL START STOP TABLE UNINSTALL UNLOCK UPDATE USE VALUES WITH XA CHANGE"
  ).split(" "),
);

/** What a statement of the log means for shapes: null for nothing, `unknown` where that cannot be said of any table. */
export type ParsedDdl = DdlStatement | "unknown" | null;

/**
 * Reads a statement as the log has it. A statement that names its tables and is not understood is one of kind
 * `notUnderstood`; a clause is never left out in the hope that it does not matter.
 */
export function parseDdl(sql: string, dialect: SqlDialect): ParsedDdl {
  // Bytes that are no text: the names in it would be other ones.
  const tokens = sql.includes("\ufffd") ? null : lexSql(sql, dialect);
  if (tokens === null) return "unknown";
  const last = tokens.at(-1);
  const cursor = new TokenCursor(last?.key === ";" ? tokens.slice(0, -1) : tokens);
  try {
    return parseStatement(cursor, dialect);
  } catch (error) {
    if (error instanceof NotUnderstood) return "unknown";
    throw error;
  }
}

function parseStatement(cursor: TokenCursor, dialect: SqlDialect): ParsedDdl {
  if (cursor.isAtEnd || (cursor.kind() === "word" && OTHERS.has(cursor.key()))) return null;
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
  // Views, routines, users; indexes other than the primary key, which CREATE INDEX cannot make.
  if (!cursor.has("TABLE")) return null;
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
  if (!cursor.has("TABLE")) return null;
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
  if (!cursor.hasOne("TABLE", "TABLES")) return null;
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
