import { isUtf8 } from "node:buffer";
import { ByteCursor } from "./byte-cursor.ts";
import { type Charset, charsetOf } from "./charsets.ts";
import { charsetOfCollation } from "./collations.ts";
import { EventType } from "./event-types.ts";
import { inflatedLength, inflateMariaDb } from "./mariadb-zlib.ts";

/** A statement in words: DDL, BEGIN and its like, and DML where the server does not log rows. */
export interface QueryEvent {
  /** The session's database; '' where it had none. */
  readonly database: string;
  readonly sql: string;
  /** Only the beginning of the statement is here, or, where it is compressed, nothing of it. */
  readonly isCut: boolean;
  /** `@@sql_mode`, as bits; what quotes mean depends on it. */
  readonly sqlMode: number;
  /** Ids of collations; null where the event does not say. */
  readonly serverCollation: number | null;
  readonly databaseCollation: number | null;
  /** What utf8mb4 without a collation means in the session (MySQL 8). */
  readonly utf8mb4Collation: number | null;
  /** `explicit_defaults_for_timestamp`; null where it is not said: MySQL does where it matters, MariaDB where it is on. */
  readonly explicitTimestamps: boolean | null;
  /** Databases of all tables that it may change, by triggers too; null where the event does not say, or not all. */
  readonly databases: readonly string[] | null;
}

/** So much of a statement is held: enough to tell what it does, and for all but made-up DDL enough for its shape (I10). */
export const MOST_STATEMENT_BYTES = 1_048_576;

/** What LOAD DATA has before the session: which bytes of the statement name the file, and how rows are taken. */
const LOAD_BYTES = 13;

/**
 * An event of type QUERY, QUERY_COMPRESSED, or EXECUTE_LOAD_QUERY (LOAD DATA where the server logs statements), or with
 * `isCutOff` the beginning of one.
 * @throws MillraceError MR_SOURCE_PROTOCOL
 */
export function decodeQuery(
  buffer: Buffer,
  start: number,
  end: number,
  type: number = EventType.QUERY,
  isCutOff = false,
): QueryEvent {
  const cursor = new ByteCursor(buffer, start, end);
  cursor.skip(8);
  const databaseBytes = cursor.uint8();
  cursor.skip(2);
  const sessionBytes = cursor.uint16();
  if (type === EventType.EXECUTE_LOAD_QUERY) cursor.skip(LOAD_BYTES);
  const { client, isNumbered, ...session } = decodeSession(cursor.part(sessionBytes));
  // Always in UTF-8, whatever the statement is in.
  const database = cursor.text(databaseBytes);
  cursor.skip(1);
  const text = cursor.bytes(cursor.left);
  const isUnread = type === EventType.QUERY_COMPRESSED && (isCutOff || isTooLong(text));
  if (isUnread) return { ...session, database, sql: "", isCut: true };
  const bytes = type === EventType.QUERY_COMPRESSED ? inflateMariaDb(text) : text;
  const isUtf8Text = client === null || client.isUtf8 || (!isNumbered && isPrinted(bytes));
  const sql = isUtf8Text ? bytes.toString("utf8") : client.decode(bytes, 0, bytes.length);
  return { ...session, database, sql, isCut: isCutOff };
}

function isTooLong(compressed: Buffer): boolean {
  return inflatedLength(new ByteCursor(compressed, 0, compressed.length)) > MOST_STATEMENT_BYTES;
}

const PRINTED =
  /^CREATE [A-Z ]*TABLE (?:IF NOT EXISTS )?`(?:[^`]|``)*`(?:\.`(?:[^`]|``)*`)? \(\n {2}/;

/**
 * Statements are in their client's charset, all but one: of CREATE TABLE … SELECT the servers log what SHOW CREATE TABLE
 * prints, in UTF-8, and as no DDL of its own (which has a number).
 */
function isPrinted(sql: Buffer): boolean {
  return isUtf8(sql) && PRINTED.test(sql.toString("utf8"));
}

/** What is said of the session, and how its text is read. */
interface Session extends Omit<QueryEvent, "database" | "sql" | "isCut"> {
  /** null: UTF-8, or what has no charset. */
  readonly client: Charset | null;
  /** The statement has a transaction's number of its own, as DDL has. */
  readonly isNumbered: boolean;
}

const Variable = {
  FLAGS: 0,
  SQL_MODE: 1,
  CHARSET: 4,
  CHARSET_DATABASE: 8,
  DATABASES: 12,
  EXPLICIT_TIMESTAMPS: 16,
  NUMBER: 17,
  UTF8MB4_COLLATION: 18,
  MARIADB_NUMBER: 129,
} as const;
/** Of MariaDB's flags. */
const EXPLICIT_TIMESTAMPS = 1 << 24;
/** Lengths of variables that are passed by; -1: one byte tells; -2: two texts, each behind its length. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [3, 4],
  [5, -1],
  [6, -1],
  [7, 2],
  [9, 8],
  [10, 4],
  [11, -2],
  [13, 3],
  [17, 8],
  [19, 1],
  [20, 1],
  [128, 3],
  [129, 8],
]);

const UNSAID: Session = {
  sqlMode: 0,
  serverCollation: null,
  databaseCollation: null,
  utf8mb4Collation: null,
  explicitTimestamps: null,
  databases: null,
  client: null,
  isNumbered: false,
};

/** Reads on until a variable of unknown length comes: what is looked at comes before. */
function decodeSession(cursor: ByteCursor): Session {
  const session: { -readonly [Key in keyof Session]: Session[Key] } = { ...UNSAID };
  for (let isKnown = true; isKnown && cursor.left > 0;) {
    const variable = cursor.uint8();
    switch (variable) {
      case Variable.FLAGS:
        if ((cursor.uint32() & EXPLICIT_TIMESTAMPS) !== 0) session.explicitTimestamps = true;
        break;
      case Variable.SQL_MODE:
        session.sqlMode = cursor.uint32();
        cursor.skip(4);
        break;
      case Variable.CHARSET:
        session.client = charsetOf(charsetOfCollation(cursor.uint16()) ?? "");
        cursor.skip(2);
        session.serverCollation = cursor.uint16();
        break;
      case Variable.CHARSET_DATABASE:
        session.databaseCollation = cursor.uint16();
        break;
      case Variable.DATABASES:
        session.databases = takeDatabases(cursor);
        break;
      case Variable.EXPLICIT_TIMESTAMPS:
        session.explicitTimestamps = cursor.uint8() !== 0;
        break;
      case Variable.UTF8MB4_COLLATION:
        session.utf8mb4Collation = cursor.uint16();
        break;
      case Variable.NUMBER:
      case Variable.MARIADB_NUMBER:
        session.isNumbered = true;
        cursor.skip(8);
        break;
      default:
        isKnown = skipVariable(cursor, variable);
    }
  }
  return session;
}

function skipVariable(cursor: ByteCursor, variable: number): boolean {
  if (variable === 2) return skipCatalogue(cursor);
  const length = LENGTHS.get(variable);
  if (length === undefined) return false;
  if (length >= 0) cursor.skip(length);
  else for (let text = length; text < 0; text += 1) cursor.skip(cursor.uint8());
  return true;
}

function skipCatalogue(cursor: ByteCursor): true {
  cursor.skip(cursor.uint8() + 1);
  return true;
}

const TOO_MANY_DATABASES = 254;

/** Texts that end in a zero byte each; null where there are too many for the event. */
function takeDatabases(cursor: ByteCursor): readonly string[] | null {
  const count = cursor.uint8();
  if (count === TOO_MANY_DATABASES) return null;
  return Array.from({ length: count }, () => {
    const bytes: number[] = [];
    for (let byte = cursor.uint8(); byte !== 0; byte = cursor.uint8()) bytes.push(byte);
    return Buffer.from(bytes).toString("utf8");
  });
}
