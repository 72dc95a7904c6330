// From COMMIT at MySQL to COMMIT at the sink, transaction by transaction. MySQL writes when it committed into its log, to the
// microsecond (of which the log's reader gives milliseconds, rounded down), and before it flushes that; PostgreSQL keeps the
// time of its commits (track_commit_timestamp). Both are on this machine, so that the difference is exact to a millisecond.
// MariaDB's log has whole seconds.
import { systemClock } from "../packages/millrace/src/model/ports.ts";
import { CONNECTION_DEFAULTS } from "../packages/millrace/src/sources/mysql/config.ts";
import { fixedTables } from "../packages/millrace/src/sources/mysql/fixed-tables.fixture.ts";
import { openMysqlLog } from "../packages/millrace/src/sources/mysql/log.ts";
import { boundary } from "../packages/millrace/src/sources/mysql/position.ts";
import { planRow } from "../packages/millrace/src/sources/mysql/row-plan.ts";
import { startMysql, type MysqlServer } from "../test/support/mysql.ts";
import { databaseAt, type MysqlDatabase } from "../test/support/mysql-database.ts";
import { latencyFigures, latencyOf } from "./latency-figures.ts";
import { RealRun, startTarget, until, type BenchTarget } from "./real-run.ts";
import type { Figure } from "./report.ts";
import { anyServerId } from "./replay/recorded-log.ts";
import { shapeOfItems } from "./mysql-shape.ts";
import { MYSQL_TABLE, rowOf, withSession } from "./sources/mysql-items.ts";
import { withClient } from "./workload.ts";

const SECONDS = Number(process.env["BENCH_SECONDS"] ?? 20);
const TARGETS = (["postgres", "dsql-local"] as const).filter((name) =>
  (process.env["BENCH_TARGETS"] ?? name).includes(name),
);
const TRANSACTION_ROWS = 10;
const ROWS_PER_SECOND = 2_000;
const SESSIONS = 2;
const WARM_SECONDS = Math.min(3, SECONDS / 4);
const TIMEOUT_MS = 600_000;
/** Milliseconds, as from PostgreSQL. */
const [GOAL_P50, GOAL_P99] = [5, 20];
const DATABASE = "bench";
const TARGET_SETTINGS = {
  track_commit_timestamp: "on",
  max_wal_size: "8GB",
  synchronous_commit: "off",
  full_page_writes: "off",
};
/** As safe as they come: each commit is flushed to the disk, in the log and in the engine. */
const SOURCE = {
  storage: "disk",
  settings: { sync_binlog: "1", innodb_flush_log_at_trx_commit: "1", max_binlog_size: "1G" },
} as const;

/** The figures of `mysql-latency`. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const name of TARGETS) {
    await using server = await startMysql("mysql", SOURCE);
    await server.createDatabase(DATABASE);
    const target = await startTarget(name, { settings: TARGET_SETTINGS });
    try {
      figures.push(...(await measure(server, target)));
    } finally {
      await target.stop();
    }
  }
  return figures;
}

async function measure(server: MysqlServer, target: BenchTarget): Promise<Figure[]> {
  const database = databaseAt(server, DATABASE);
  await database.query(MYSQL_TABLE);
  const { file, position } = await server.binlogEnd();
  const millrace = await RealRun.start({
    name: "mysql-latency",
    sourceUrl: database.url,
    target,
    tables: "items",
  });
  try {
    await millrace.process.waitForSync(1, TIMEOUT_MS);
    const warm = await write(database, 1, WARM_SECONDS);
    const next = await write(database, warm, SECONDS);
    const atSink = await commitsAt(target, next - 1);
    const atSource = await loggedCommits(database, { file, position }, next - 1);
    const all = Array.from({ length: next - warm }, (_, index) => {
      const transaction = warm + index;
      return (atSink.get(transaction) ?? Infinity) - (atSource.get(transaction) ?? -Infinity);
    });
    const title = `MySQL, 2,000 rows/s in transactions of 10 → ${target.name}`;
    return latencyFigures(title, latencyOf(all), GOAL_P50, GOAL_P99);
  } finally {
    await millrace.stop();
  }
}

/** Writes numbered transactions, each when it is due, for so long; gives the next one's number. */
async function write(database: MysqlDatabase, first: number, seconds: number): Promise<number> {
  const everyMs = (TRANSACTION_ROWS / ROWS_PER_SECOND) * 1000;
  const count = Math.floor((seconds * 1000) / everyMs);
  const began = performance.now();
  let next = 0;
  const session = (): Promise<void> =>
    withSession(database, async (client) => {
      for (let index = next++; index < count; index = next++) {
        const waitMs = began + everyMs * index - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        await client.query(insert(first + index));
      }
    });
  await Promise.all(Array.from({ length: SESSIONS }, session));
  return first + count;
}

/** `customer` of its rows carries the transaction's number. */
function insert(transaction: number): string {
  return `INSERT INTO items SELECT ${rowOf(String(transaction))}
    FROM (SELECT n + ${transaction * TRANSACTION_ROWS} AS i FROM numbers WHERE n < ${TRANSACTION_ROWS}) AS made`;
}

/** When the last row of each transaction was committed there, once all are. */
async function commitsAt(target: BenchTarget, count: number): Promise<Map<number, number>> {
  let commits = new Map<number, number>();
  await until(async () => {
    commits = await withClient(target.postgres.url, async (client) => {
      const { rows } = await client.query<{ transaction: string; ms: string }>(
        `SELECT customer AS transaction, max(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000) AS ms
         FROM ${DATABASE}.items GROUP BY customer HAVING count(*) = ${TRANSACTION_ROWS}`,
      );
      return new Map(rows.map(({ transaction, ms }) => [Number(transaction), Number(ms)]));
    });
    return commits.size === count;
  }, TIMEOUT_MS);
  return commits;
}

/** When each transaction was committed, as the log says. */
async function loggedCommits(
  database: MysqlDatabase,
  from: { readonly file: string; readonly position: number },
  count: number,
): Promise<Map<number, number>> {
  const { host, port, user, password } = database;
  const connection = { ...CONNECTION_DEFAULTS, host, port, user, password };
  const shape = await shapeOfItems(connection, DATABASE);
  const file = Number(/\d+$/.exec(from.file)?.[0]);
  const log = await openMysqlLog(
    {
      clock: systemClock,
      connection,
      serverId: anyServerId(),
      uuid: crypto.randomUUID(),
      heartbeatMs: 60_000,
      silenceTimeoutMs: 120_000,
      batchBytes: 1024 * 1024,
      heldBytes: 1024 * 1024,
      limits: { maxValueBytes: 1024 * 1024, maxRowBytes: 1024 * 1024 },
      tables: fixedTables((map) =>
        map.table === shape.name ? planRow(map, shape, { zeroDatesAreNull: false }) : null,
      ),
    },
    boundary({ file, at: from.position, era: 1, n: 1, hash: 0 }),
  );
  const commits = new Map<number, number>();
  let rows = 0;
  while (rows < count * TRANSACTION_ROWS)
    for (const item of (await log.next()).items) {
      if (item.kind !== "change" || item.transaction === null) continue;
      commits.set(Number(item.after?.[1]), item.transaction.commitTimeMs);
      rows += 1;
    }
  await log.close();
  return commits;
}
