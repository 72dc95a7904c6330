/** Where a database is, what can be asked of it, and how it comes and goes. */
import { randomBytes } from "node:crypto";
import mysql from "mysql2/promise";
import type { MysqlAddress } from "./broker-client.ts";

/** A row as an object. */
export type MysqlRow = Record<string, unknown>;

/** Where a database is and how to make more of them. */
export interface MysqlDatabase extends MysqlAddress {
  readonly database: string;
  /** `mysql://` URL of `database` as `user`, who may do everything. */
  readonly url: string;
  /** Makes another database (its name may get a suffix) and gives its URL. */
  createDatabase(name: string): Promise<string>;
  /**
   * Runs one statement, or several, in a session of its own; the rows of the last one. Integers beyond 2^53 and decimals
   * are texts, and so are dates.
   */
  query(sql: string, parameters?: readonly unknown[]): Promise<MysqlRow[]>;
  /** A session, to be ended by the caller. */
  connect(options?: mysql.ConnectionOptions): Promise<mysql.Connection>;
  /** The end of the binary log. */
  binlogEnd(): Promise<BinlogEnd>;
}

/** A place in the binary log. */
export interface BinlogEnd {
  readonly file: string;
  readonly position: number;
  /** What has been executed: a GTID set of MySQL (empty where gtid_mode is off), a GTID of each domain of MariaDB. */
  readonly gtids: string;
}

/** A database of a server, or the server itself where `database` is empty. */
export function databaseAt(address: MysqlAddress, database: string): MysqlDatabase {
  const url = urlOf(address, database);
  const connect = (options: mysql.ConnectionOptions = {}): Promise<mysql.Connection> =>
    mysql.createConnection({
      host: address.host,
      port: address.port,
      user: address.user,
      password: address.password,
      ...(database === "" ? {} : { database }),
      supportBigNumbers: true,
      dateStrings: true,
      multipleStatements: true,
      ...options,
    });
  const query = async (sql: string, parameters?: readonly unknown[]): Promise<MysqlRow[]> => {
    await using session = await connect();
    const [result]: [unknown, unknown] = await session.query(sql, parameters && [...parameters]);
    return rowsOf(result);
  };
  return {
    ...address,
    database,
    url,
    connect,
    query,
    createDatabase: async (name) => {
      await query(`CREATE DATABASE ${quoteName(name)}`);
      return urlOf(address, name);
    },
    binlogEnd: () => binlogEnd(address, query),
  };
}

/** `CREATE DATABASE` under a name that no other test has; it is noted in `made`. */
export async function freshDatabase(
  admin: MysqlDatabase,
  name = "test",
  made: string[] = [],
): Promise<{ database: string; url: string; made: string[] }> {
  const database = `${name}_${randomBytes(5).toString("hex")}`;
  made.push(database);
  return { database, url: await admin.createDatabase(database), made };
}

/** A session in a transaction would hold its tables for ever: it is ended first. */
export async function dropDatabases(
  admin: MysqlDatabase,
  databases: readonly string[],
): Promise<void> {
  for (const database of databases) {
    // MariaDB's information_schema.processlist fails while any session runs a statement with characters beyond utf8mb3.
    const sessions = (await admin.query("SHOW PROCESSLIST")).filter(({ db }) => db === database);
    for (const { Id } of sessions) await admin.query(`KILL ${String(Id)}`).catch(() => undefined);
    await admin.query(`DROP DATABASE IF EXISTS ${quoteName(database)}`);
  }
}

/** A name in backticks. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** A URL with everything that has to be escaped escaped. */
export function urlOf(address: MysqlAddress, database: string): string {
  const user = `${encodeURIComponent(address.user)}:${encodeURIComponent(address.password)}`;
  return `mysql://${user}@${address.host}:${address.port}/${encodeURIComponent(database)}`;
}

async function binlogEnd(
  { flavor, version }: MysqlAddress,
  query: MysqlDatabase["query"],
): Promise<BinlogEnd> {
  // MySQL 8.2 brought the new words, 8.4 took the old ones.
  const isOld = flavor === "mariadb" || /^8\.[01]\./.test(version);
  const [row = {}] = await query(isOld ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
  const gtids =
    flavor === "mariadb"
      ? (await query("SELECT @@GLOBAL.gtid_binlog_pos AS gtids"))[0]?.["gtids"]
      : row["Executed_Gtid_Set"];
  return {
    file: String(row["File"]),
    position: Number(row["Position"]),
    gtids: String(gtids).replaceAll("\n", ""),
  };
}

function rowsOf(result: unknown): MysqlRow[] {
  if (!Array.isArray(result)) return [];
  const list: readonly unknown[] = result;
  const last = list.at(-1);
  if (Array.isArray(last)) return rowsOf(last);
  // The answers of several statements, the last of which gave no rows.
  if (list.some((each) => Array.isArray(each)) || isHeader(last)) return [];
  return list.filter((row): row is MysqlRow => typeof row === "object" && row !== null);
}

function isHeader(value: unknown): boolean {
  return typeof value === "object" && value !== null && "affectedRows" in value;
}
