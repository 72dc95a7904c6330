import { inflateSync } from "node:zlib";
import { ByteCursor, protocolError } from "./byte-cursor.ts";

/** A statement in words: DDL, BEGIN and its like, and DML where the server does not log rows. */
export interface QueryEvent {
  /** The session's database; '' where it had none. */
  readonly database: string;
  readonly sql: string;
  /** `@@sql_mode`, as bits; what quotes mean depends on it. */
  readonly sqlMode: number;
  /** Ids of collations; null where the event does not say. */
  readonly serverCollation: number | null;
  readonly databaseCollation: number | null;
  /** What utf8mb4 without a collation means in the session (MySQL 8). */
  readonly utf8mb4Collation: number | null;
}

/** An event of type QUERY, or with `isCompressed` QUERY_COMPRESSED. @throws MillraceError MR_SOURCE_PROTOCOL */
export function decodeQuery(
  buffer: Buffer,
  start: number,
  end: number,
  isCompressed: boolean,
): QueryEvent {
  const cursor = new ByteCursor(buffer, start, end);
  cursor.skip(8);
  const databaseBytes = cursor.uint8();
  cursor.skip(2);
  const session = decodeSession(cursor.part(cursor.uint16()));
  const database = cursor.text(databaseBytes);
  cursor.skip(1);
  const text = cursor.bytes(cursor.left);
  const sql = (isCompressed ? inflateMariaDb(text) : text).toString("utf8");
  return { ...session, database, sql };
}

/** MariaDB's envelope: a byte with the count of the length's bytes, the length, then zlib. */
export function inflateMariaDb(bytes: Buffer): Buffer {
  const cursor = new ByteCursor(bytes, 0, bytes.length);
  const header = cursor.uint8();
  if ((header & 0xf0) !== 0x80) throw protocolError("compressed bytes of an unknown kind");
  let length = 0;
  for (let left = header & 0x07; left > 0; left -= 1) length = length * 256 + cursor.uint8();
  try {
    const inflated = inflateSync(cursor.bytes(cursor.left), {
      maxOutputLength: Math.max(1, length),
    });
    if (inflated.length === length) return inflated;
  } catch {
    // Said below, without the bytes.
  }
  throw protocolError("compressed bytes that cannot be inflated");
}

type Session = Omit<QueryEvent, "database" | "sql">;

const Variable = { SQL_MODE: 1, CHARSET: 4, CHARSET_DATABASE: 8, UTF8MB4_COLLATION: 18 } as const;
/** Lengths of variables that are passed by; -1: one byte tells; -2: two texts, each behind its length. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [0, 4],
  [3, 4],
  [5, -1],
  [6, -1],
  [7, 2],
  [9, 8],
  [10, 4],
  [11, -2],
  [13, 3],
  [16, 1],
  [17, 8],
  [19, 1],
  [20, 1],
  [128, 3],
  [129, 8],
]);

/** Reads on until a variable of unknown length comes: what is looked at comes before. */
function decodeSession(cursor: ByteCursor): Session {
  let sqlMode = 0;
  let serverCollation: number | null = null;
  let databaseCollation: number | null = null;
  let utf8mb4Collation: number | null = null;
  while (cursor.left > 0) {
    const variable = cursor.uint8();
    if (variable === Variable.SQL_MODE) {
      sqlMode = cursor.uint32();
      cursor.skip(4);
    } else if (variable === Variable.CHARSET) {
      cursor.skip(4);
      serverCollation = cursor.uint16();
    } else if (variable === Variable.CHARSET_DATABASE) {
      databaseCollation = cursor.uint16();
    } else if (variable === Variable.UTF8MB4_COLLATION) {
      utf8mb4Collation = cursor.uint16();
    } else if (!skipVariable(cursor, variable)) {
      break;
    }
  }
  return { sqlMode, serverCollation, databaseCollation, utf8mb4Collation };
}

const UPDATED_DATABASES = 12;
const TOO_MANY_DATABASES = 254;

function skipVariable(cursor: ByteCursor, variable: number): boolean {
  if (variable === UPDATED_DATABASES) return skipTexts(cursor, cursor.uint8());
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

/** Texts that end in a zero byte each. */
function skipTexts(cursor: ByteCursor, count: number): true {
  for (let left = count === TOO_MANY_DATABASES ? 0 : count; left > 0; left -= 1)
    while (cursor.uint8() !== 0);
  return true;
}
