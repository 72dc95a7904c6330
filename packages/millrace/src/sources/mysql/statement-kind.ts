import { NotUnderstood, TokenCursor } from "./ddl-cursor.ts";
import { lexWords, type SqlDialect } from "./ddl-lexer.ts";

/** What a statement of the log does, of which nothing but its words are known. */
export type StatementKind =
  /** It leaves tables and rows as they are. */
  | "nothing"
  /** It makes, alters or drops things, and is read by the parser of those. */
  | "ddl"
  /** It changes rows, or is none that we know: what it calls may change rows. */
  | "rows";

/** First words of statements that leave tables and rows as they are, whatever follows. */
const NOTHING = new Set(
  (
    "CHANGE DEALLOCATE FLUSH GRANT INSTALL KILL LOCK PURGE RESET REVOKE SHUTDOWN START STOP UNINSTALL UNLOCK " +
    "USE"
  ).split(" "),
);
const DEFINING = new Set(["CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"]);
/** MariaDB's `ANALYZE INSERT …` runs what it analyses. */
const MAINTAINING = new Set(["ANALYZE", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR"]);
/** Enough to tell most statements by, however long they are. */
const FIRST_WORDS = 6;

/** Pure: an allow-list (I1). Servers log functions that write as SELECT, and comments of a version are executed. */
export function statementKind(sql: string, dialect: SqlDialect): StatementKind {
  const { tokens } = lexWords(sql, dialect, FIRST_WORDS);
  const [first] = tokens;
  const needsAll = first?.key === "SET" || first?.key === "CREATE";
  return kindOf(new TokenCursor(needsAll ? lexWords(sql, dialect).tokens : tokens));
}

function kindOf(cursor: TokenCursor): StatementKind {
  if (!skipVariables(cursor)) return "rows";
  const first = cursor.key();
  if (cursor.isAtEnd || NOTHING.has(first)) return "nothing";
  if (DEFINING.has(first)) return isFilled(cursor) ? "rows" : "ddl";
  cursor.take();
  if (first === "SET")
    return cursor.hasOne("PASSWORD", "DEFAULT ROLE", "ROLE") ? "nothing" : "rows";
  if (!MAINTAINING.has(first)) return "rows";
  cursor.hasOne("NO_WRITE_TO_BINLOG", "LOCAL");
  return cursor.hasOne("TABLE", "TABLES", "VIEW", "INDEX") ? "nothing" : "rows";
}

/** Passes MariaDB's `SET STATEMENT variable = value, … FOR`, which may stand before any statement. False: it does not end. */
export function skipVariables(cursor: TokenCursor): boolean {
  while (cursor.has("SET STATEMENT")) if (!cursor.skipBehind("FOR")) return false;
  return true;
}

/** CREATE TABLE … SELECT: a log of rows has the definition alone, and the rows as rows. */
function isFilled(cursor: TokenCursor): boolean {
  if (!cursor.has("CREATE")) return false;
  cursor.has("OR REPLACE");
  cursor.has("TEMPORARY");
  return cursor.has("TABLE") && cursor.some(isQuery);
}

/** These words are reserved: bare, they are no names. */
function isQuery(key: string, next: string): boolean {
  if (key === "VALUES") return next !== "LESS" && next !== "IN";
  return key === "SELECT" || key === "TABLE";
}

const CASCADE = /\bON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)\b/;

/** Of DDL: it adds a foreign key whose actions change or delete rows of its own table. */
export function addsCascade(sql: string, dialect: SqlDialect): boolean {
  const { tokens } = lexWords(sql, dialect);
  return CASCADE.test(tokens.map(({ key }) => key).join(" "));
}

/** Built in, and without effect on rows: what services use in statements of their own. */
const BUILT_IN = new Set(
  (
    "AND COALESCE CONCAT CONNECTION_ID CURDATE CURRENT_TIMESTAMP CURRENT_USER CURTIME DATABASE DATE_ADD DATE_SUB " +
    "FROM_UNIXTIME IF IFNULL IN LOWER MD5 NAME_CONST NOT NOW OR RAND SYSDATE UNIX_TIMESTAMP UPPER USER UTC_TIMESTAMP " +
    "UUID VALUE VALUES VERSION"
  ).split(" "),
);
const MODES = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK", "IGNORE"] as const;

/** The one table that a statement writes to, as far as its words tell: triggers may write elsewhere. */
export interface WrittenTable {
  readonly database: string;
  /** Nothing that it calls can write elsewhere either. */
  readonly isAlone: boolean;
}

/** Of a statement that changes rows, where it does that; null where that is not certain, or in several tables. */
export function writtenTable(
  sql: string,
  dialect: SqlDialect,
  database: string,
): WrittenTable | null {
  const { tokens, isWhole } = lexWords(sql, dialect);
  if (!isWhole) return null;
  const cursor = new TokenCursor(tokens);
  try {
    if (!skipVariables(cursor)) return null;
    const target = takeTarget(cursor, database);
    return target === null ? null : { database: target, isAlone: callsBuiltIn(cursor) };
  } catch (error) {
    if (error instanceof NotUnderstood) return null;
    throw error;
  }
}

/**
 * Whether a statement changes rows of a table of the server's own (`mysql.…`, which can have no triggers) and of nothing
 * else, as services do: Amazon RDS writes a heartbeat in words every few minutes.
 */
export function isServersOwn(sql: string, dialect: SqlDialect, database: string): boolean {
  const written = writtenTable(sql, dialect, database);
  return written !== null && written.database === "mysql" && written.isAlone;
}

/** Passes the words before a table, it, and those that say that no other one is written; gives its database. */
function takeTarget(cursor: TokenCursor, database: string): string | null {
  const verb = cursor.take().key;
  while (cursor.hasOne(...MODES));
  if (verb === "INSERT" || verb === "REPLACE") cursor.has("INTO");
  else if (verb === "DELETE") cursor.expect("FROM");
  else if (verb !== "UPDATE") return null;
  const first = cursor.name();
  const isQualified = cursor.has(".");
  if (isQualified) cursor.name();
  return isOfOne(cursor, verb) ? (isQualified ? first : database) : null;
}

/** What follows the table that is written. */
function isOfOne(cursor: TokenCursor, verb: string): boolean {
  switch (verb) {
    case "UPDATE":
      return cursor.has("SET");
    case "DELETE":
      return cursor.isAtEnd || cursor.hasOne("WHERE", "ORDER", "LIMIT");
    default:
      // The names of columns.
      if (cursor.key() === "(") cursor.group();
      return cursor.key() === "SELECT" || cursor.hasOne("VALUES", "VALUE", "SET");
  }
}

/** What is called may change rows elsewhere. */
function callsBuiltIn(cursor: TokenCursor): boolean {
  for (let before = ""; !cursor.isAtEnd;) {
    const { kind, key } = cursor.take();
    if (key === "SELECT") return false;
    const isCall = cursor.key() === "(" && (kind === "word" || kind === "name");
    if (isCall && (before === "." || !BUILT_IN.has(key))) return false;
    before = key;
  }
  return true;
}
