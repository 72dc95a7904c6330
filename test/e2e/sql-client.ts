/** A writer's session at a source of any kind, and what its errors mean. The URL tells the kind. */
import mysql from "mysql2/promise";
import pg from "pg";

/** A session that runs statements, several in one text too. */
export interface SqlClient {
  query(sql: string): Promise<unknown>;
  end(): Promise<void>;
}

/** Opens a session; one that the server ends is not an error of the process. */
export async function openClient(url: string): Promise<SqlClient> {
  return new URL(url).protocol === "mysql:" ? openMysql(url) : openPostgres(url);
}

async function openPostgres(connectionString: string): Promise<SqlClient> {
  const client = new pg.Client({ connectionString });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Ranges of numbers are counted by recursion, and zero dates are values too. */
const MYSQL_SETTINGS = [
  "sql_mode = 'STRICT_TRANS_TABLES'",
  "time_zone = '+00:00'",
  "SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
  // No server sees a circle of locks on rows and on tables: somebody has to give up.
  "innodb_lock_wait_timeout = 1",
];

/** A login that takes long, as on a machine that others fill, may be given up by either side; nothing was said yet. */
const LOGIN_LOST = /^(ER_NET_READ_INTERRUPTED|ETIMEDOUT|ECONNRESET|PROTOCOL_CONNECTION_LOST)$/;
const LOGINS = 10;

async function logIn(uri: string, left = LOGINS): Promise<mysql.Connection> {
  try {
    return await mysql.createConnection({ uri, multipleStatements: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (left === 0 || !LOGIN_LOST.test(code)) throw error;
    return logIn(uri, left - 1);
  }
}

async function openMysql(uri: string): Promise<SqlClient> {
  const connection = await logIn(uri);
  connection.on("error", () => undefined);
  const [rows]: [unknown, unknown] = await connection.query(
    "SELECT @@version LIKE '%MariaDB%' AS is_mariadb",
  );
  const isMariadb = JSON.stringify(rows) === '[{"is_mariadb":1}]';
  const depth = isMariadb ? "max_recursive_iterations" : "cte_max_recursion_depth";
  for (const setting of [...MYSQL_SETTINGS, `${depth} = 4294967295`])
    await connection.query(`SET ${setting}`);
  return { query: (sql) => connection.query(sql), end: () => connection.end() };
}

/** The code of an error that a server gave: PostgreSQL's SQLSTATE, MySQL's number; null for any other. */
export function codeOf(error: unknown): string | null {
  if (error instanceof pg.DatabaseError) return error.code ?? null;
  if (error instanceof Error && "errno" in error && "sqlState" in error) return String(error.errno);
  return null;
}

/** Deadlocks, and waits that were given up: sessions lock rows in any order, and who loses tries again. */
export function lostRace(error: unknown): boolean {
  return /^(40P01|40001|1213|1205)$/.test(codeOf(error) ?? "");
}

/** Runs a statement until it does not lose a race. */
export async function patiently(client: SqlClient, statement: string): Promise<void> {
  for (;;) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      if (!lostRace(error)) throw error;
    }
  }
}
