// A recorded stretch of a server's log, played from memory through a socket: read by the engine's log (decoded into
// batches, thrown away), by @vlasky/zongji, and split into events and nothing else; in turn, on this process' main thread.
import type { LogBatch } from "../packages/millrace/src/model/change.ts";
import { systemClock } from "../packages/millrace/src/model/ports.ts";
import { fixedTables } from "../packages/millrace/src/sources/mysql/fixed-tables.fixture.ts";
import { openMysqlLog } from "../packages/millrace/src/sources/mysql/log.ts";
import { boundary } from "../packages/millrace/src/sources/mysql/position.ts";
import { planRow } from "../packages/millrace/src/sources/mysql/row-plan.ts";
import type { TableShape } from "../packages/millrace/src/model/table.ts";
import { mysqlFlavors, startMysql, type MysqlFlavor } from "../test/support/mysql.ts";
import { shapeOfItems } from "./mysql-shape.ts";
import { readByZongji } from "./baselines/zongji-reader.ts";
import { MYSQL_TABLE, NAMES, withSession, WRITES } from "./sources/mysql-items.ts";
import {
  anyServerId,
  readFrames,
  recordLog,
  startPlayer,
  type RecordedLog,
} from "./replay/recorded-log.ts";
import { absolute, against, median, type Figure } from "./report.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 300_000);
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const GOAL = 2.5;
const BATCH_BYTES = 1024 * 1024;
const LIMITS = { maxValueBytes: 4 * 1024 * 1024, maxRowBytes: 16 * 1024 * 1024 };
const DATABASE = "bench";

interface Read {
  readonly rowsPerSecond: number;
  readonly rowsPerCpuSecond: number;
}

/** What reads a stretch to its end. */
type Reader = (log: RecordedLog) => Promise<void>;

/** The figures of `mysql-read`. */
export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const flavor of mysqlFlavors) figures.push(...(await readFlavor(flavor)));
  return figures;
}

async function readFlavor(flavor: MysqlFlavor): Promise<Figure[]> {
  // One file holds it all.
  await using server = await startMysql(flavor, { settings: { max_binlog_size: "1073741824" } });
  await server.createDatabase(DATABASE);
  await using player = await startPlayer(server);
  const figures: Figure[] = [];
  await withSession(server, (session) => session.query(`USE ${DATABASE}; ${MYSQL_TABLE}`));
  for (const [kind, write] of Object.entries(WRITES)) {
    const log = await recordLog(server, player, () =>
      withSession(server, async (session) => {
        await session.query(`USE ${DATABASE}`);
        await write(session, ROWS);
      }),
    );
    const shape = await shapeOfItems(log.connection, DATABASE);
    const reads = await readInTurn(log, {
      ours: (of) => readOurs(of, shape),
      zongji: (of) => readByZongji(of, DATABASE, ROWS),
      frames: readFrames,
    });
    figures.push(...figuresOf(`${kind} of ${NAMES[flavor]}`, reads));
  }
  return figures;
}

/** The first round of each is for the compiler, and does not count. */
async function readInTurn<Name extends string>(
  log: RecordedLog,
  readers: Readonly<Record<Name, Reader>>,
): Promise<ReadonlyMap<string, readonly Read[]>> {
  const reads = new Map<string, Read[]>();
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const [name, reader] of Object.entries<Reader>(readers)) {
      const cpu = process.cpuUsage();
      const began = performance.now();
      await reader(log);
      const seconds = (performance.now() - began) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const read = {
        rowsPerSecond: ROWS / seconds,
        rowsPerCpuSecond: (ROWS / (user + system)) * 1e6,
      };
      if (round > 0) reads.set(name, [...(reads.get(name) ?? []), read]);
    }
  return reads;
}

async function readOurs(
  { connection, fileName, from }: RecordedLog,
  shape: TableShape,
): Promise<void> {
  const file = Number(/\d+$/.exec(fileName)?.[0]);
  const log = await openMysqlLog(
    {
      clock: systemClock,
      connection,
      serverId: anyServerId(),
      uuid: crypto.randomUUID(),
      heartbeatMs: 60_000,
      silenceTimeoutMs: 120_000,
      batchBytes: BATCH_BYTES,
      heldBytes: 8 * BATCH_BYTES,
      limits: LIMITS,
      tables: fixedTables((map) =>
        map.schema === shape.schema && map.table === shape.name
          ? planRow(map, shape, { zeroDatesAreNull: false })
          : null,
      ),
    },
    boundary({ file, at: from, era: 1, n: 1, hash: 0 }),
  );
  for (let rows = 0; rows < ROWS;) rows += rowsOf(await log.next());
  await log.close();
}

function rowsOf({ items }: LogBatch): number {
  return items.length;
}

function figuresOf(what: string, reads: ReadonlyMap<string, readonly Read[]>): Figure[] {
  const of = (name: string, pick: (read: Read) => number): number =>
    median((reads.get(name) ?? []).map(pick));
  const cpu = (read: Read): number => read.rowsPerCpuSecond;
  const elapsed = (read: Read): number => read.rowsPerSecond;
  return [
    against(`${what}, one core`, of("ours", cpu), "rows/CPU s", of("zongji", cpu), GOAL),
    {
      ...against(`${what}, elapsed`, of("ours", elapsed), "rows/s", of("zongji", elapsed), 0),
      goal: null,
    },
    absolute(`${what}, framing alone`, of("frames", cpu), "rows/CPU s"),
  ];
}
