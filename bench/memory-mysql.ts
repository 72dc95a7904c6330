// Shapes of a MySQL source; see memory.ts.
import { startMysql } from "../test/support/mysql.ts";
import { databaseAt, type MysqlDatabase } from "../test/support/mysql-database.ts";
import type { BareBinlog } from "./baselines/bare-binlog-reader.ts";
import { runBare } from "./bare-process.ts";
import { measureShape, type Shape } from "./memory-shape.ts";
import type { Figure } from "./report.ts";
import { NUMBERS } from "./sources/mysql-items.ts";

const TRANSACTION_ROWS = Number(process.env["BENCH_TRANSACTION_ROWS"] ?? 5_000_000);
const NUMBERS_CUBED = "numbers a STRAIGHT_JOIN numbers b STRAIGHT_JOIN numbers c";
/** As large as a transaction may be, on the disk. */
const SETTINGS = {
  innodb_redo_log_capacity: "1G",
  innodb_buffer_pool_size: "256M",
  max_allowed_packet: "1G",
};

/** A database of the server that `ofMysql` runs. */
const databaseOf = (url: string): MysqlDatabase => {
  const { hostname, port, username, password, pathname } = new URL(url);
  const address = {
    flavor: "mysql",
    version: "",
    host: hostname,
    port: Number(port),
    user: username,
    password: decodeURIComponent(password),
  } as const;
  return databaseAt(address, pathname.slice(1));
};

const execute = async (url: string, sql: string): Promise<void> => {
  await databaseOf(url).query(sql);
};

/** The log from here on, in a process of its own. */
const bare = async (url: string): Promise<() => Promise<number>> => {
  const database = databaseOf(url);
  const from = await database.binlogEnd();
  return async () => {
    const { host, port, user, password } = database;
    const until = await database.binlogEnd();
    const program = new URL("baselines/bare-binlog-reader.ts", import.meta.url);
    const given: BareBinlog = { host, port, user, password, from, until };
    return (await runBare<{ mib: number }>(program, given)).mib;
  };
};

const largeTransaction = (how: string, session: string, rows = TRANSACTION_ROWS): Shape => ({
  name: `one transaction of MySQL of ${rows.toLocaleString("en-US")} rows${how}`,
  pattern: "(many|behind)",
  tables: 2,
  prepare: (url) =>
    execute(
      url,
      `CREATE TABLE many (id BIGINT PRIMARY KEY, note TEXT); CREATE TABLE behind (id INT PRIMARY KEY); ${NUMBERS}`,
    ),
  change: async (url) => {
    await execute(
      url,
      `${session}INSERT INTO many SELECT i, REPEAT(LEFT(SHA2(i, 256), 32), 8) FROM
         (SELECT 1 + a.n * 1000000 + b.n * 1000 + c.n AS i FROM ${NUMBERS_CUBED}
          WHERE a.n <= ${Math.floor(rows / 1_000_000)}) AS made WHERE i <= ${rows}`,
    );
    await execute(url, "INSERT INTO behind VALUES (1)");
    // MySQL's databases are the target's schemas.
    const topic = `${new URL(url).pathname.slice(1)}.behind`;
    return { statement: `SELECT FROM ${topic}`, topic };
  },
  bare,
  forget: () => Promise.resolve(),
});

/** By what `BENCH_SHAPES` calls them. */
export const mysqlShapes: Readonly<Record<string, Shape>> = {
  "mysql-transaction": largeTransaction("", ""),
  "mysql-compressed": largeTransaction(
    ", compressed",
    "SET SESSION binlog_transaction_compression = ON; ",
  ),
};

/** The figures of these shapes. */
export async function ofMysql(shapes: readonly Shape[]): Promise<Figure[]> {
  if (shapes.length === 0) return [];
  const figures: Figure[] = [];
  await using source = await startMysql("mysql", { storage: "disk", settings: SETTINGS });
  // Not counted; see memory.ts.
  await measureShape(await source.createDatabase("warm"), largeTransaction("", "", 1));
  for (const [index, shape] of shapes.entries())
    figures.push(...(await measureShape(await source.createDatabase(`bench${index}`), shape)));
  return figures;
}
