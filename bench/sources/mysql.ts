import { readFileSync } from "node:fs";
import type { Connection } from "mysql2/promise";
import { CONNECTION_DEFAULTS } from "../../packages/millrace/src/sources/mysql/config.ts";
import { type MysqlDatabase, startMysql } from "../../test/support/mysql.ts";
import { databaseAt } from "../../test/support/mysql-database.ts";
import { readFrames } from "../replay/recorded-log.ts";
import { insertItems, MYSQL_TABLE, updateItems, withSession } from "./mysql-items.ts";
import { startBareThread } from "../bare-thread.ts";
import type { BareMysqlTable } from "../baselines/bare-mysql-table.ts";
import { type BenchSource, stretches, type TargetTable, targetTable } from "./source.ts";

const DATABASE = "bench";

/** What MySQL's columns become. */
const COLUMNS: TargetTable["columns"] = [
  ["id", "bigint"],
  ["customer", "integer"],
  ["quantity", "integer"],
  ["price", "numeric(12,2)"],
  ["sku", "text"],
  ["note", "text"],
  ["active", "smallint"],
  ["changed", "timestamptz"],
  ["token", "text"],
  ["extra", "jsonb"],
];

/** A MySQL, which keeps nothing for its readers. */
export async function startMysqlSource(): Promise<BenchSource> {
  const server = await startMysql("mysql", { settings: { max_binlog_size: "1073741824" } });
  await server.createDatabase(DATABASE);
  const database = databaseAt(server, DATABASE);
  const execute = async (sql: string): Promise<void> => void (await database.query(sql));
  await execute(MYSQL_TABLE);
  const { host: hostname, port, user: username, password } = server;
  const table = `${DATABASE}.items`;
  return {
    pid: await pidOf(),
    table,
    target: targetTable(COLUMNS),
    section: () => ({ type: "mysql", hostname, port, username, password, tables: table }),
    empty: () => execute("TRUNCATE items"),
    insert: (rows) => withSession(database, (session) => insertItems(session, rows)),
    update: (rows) => withSession(database, (session) => updateItems(session, rows)),
    analyze: () => execute("ANALYZE TABLE items"),
    texts: () => withSession(database, readTexts),
    record: async () => {
      await execute("FLUSH BINARY LOGS");
      const begin = await server.binlogEnd();
      return { read: () => readLog(server, begin) };
    },
    rawTable: (rows) => {
      const selects = stretches(rows).map(
        ([first, last]) => `SELECT * FROM items WHERE id BETWEEN ${first} AND ${last}`,
      );
      const { host } = server;
      const connection = { host, port, user: username, password, database: DATABASE };
      const given: BareMysqlTable = { connection, selects };
      return startBareThread(new URL("../baselines/bare-mysql-table.ts", import.meta.url), given);
    },
    forget: () => Promise.resolve(),
    stop: () => server.stop(),
  };

  async function pidOf(): Promise<number> {
    const [row] = await database.query("SELECT @@GLOBAL.pid_file AS file");
    return Number(readFileSync(String(row?.["file"]), "utf8"));
  }
}

/** Reads the log from there to its end and splits it into events; gives seconds. */
async function readLog(
  server: MysqlDatabase,
  begin: { readonly file: string; readonly position: number },
): Promise<number> {
  const { host, port, user, password } = server;
  const connection = { ...CONNECTION_DEFAULTS, host, port, user, password };
  const end = await server.binlogEnd();
  if (end.file !== begin.file) throw new Error("the server went on to another file meanwhile");
  const began = performance.now();
  await readFrames({ connection, fileName: begin.file, from: begin.position, end: end.position });
  return (performance.now() - began) / 1000;
}

async function readTexts(session: Connection): Promise<(string | null)[][]> {
  const columns = COLUMNS.map(([name]) => `CAST(${name} AS CHAR)`).join(", ");
  const [rows]: [unknown, unknown] = await session.query({
    sql: `SELECT ${columns} FROM items ORDER BY id`,
    rowsAsArray: true,
  });
  return rows as (string | null)[][];
}
