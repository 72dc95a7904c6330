// How time and memory grow with tables and with rows. Written as a picture too, where BENCH_PICTURE names a file.
import { writeFile } from "node:fs/promises";
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { growthPicture, type GrowthPoint } from "./growth-picture.ts";
import { manyTables } from "./many-tables.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { RealRun, startTarget, type BenchTarget } from "./real-run.ts";
import { absolute, atMost, type Figure } from "./report.ts";
import { ROW, TABLE, withClient } from "./workload.ts";

const numbers = (name: string, usual: string): readonly number[] =>
  (process.env[name] ?? usual).split(",").map(Number);

const TABLES = numbers("BENCH_TABLES", "1,10,100,1000");
/** 50 million take a quarter of an hour; the default ends in ten minutes. */
const ROWS = numbers("BENCH_ROWS", "100000,300000,1000000,3000000");
const IDLE_SECONDS = Number(process.env["BENCH_SECONDS"] ?? 10);
const PICTURE = process.env["BENCH_PICTURE"];
/** Of the seconds a row takes between the fewest and the most rows, the start left out. */
const MOST_PER_ROW = 1.3;
/** A table that nothing happens to. */
const MOST_KIB_PER_TABLE = 50;
const SETTINGS = {
  synchronous_commit: "off",
  max_wal_size: "4GB",
  max_locks_per_transaction: "1024",
};
const TIMEOUT_MS = 7_200_000;

/** What a run took. */
interface Growth extends GrowthPoint {
  /** From the start until changes flow, of a second start with nothing to load. */
  readonly startSeconds: number;
  /** CPU while nothing happens. */
  readonly idleCpuPercent: number;
}

/** The figures of `growth`. */
export async function run(): Promise<Figure[]> {
  await using source = await startPostgres({ storage: "disk", settings: SETTINGS });
  const tables: Growth[] = [];
  for (const count of TABLES)
    tables.push(await grown(source, count, count, (url) => manyTables.create(url, count)));
  const rows: Growth[] = [];
  for (const count of ROWS) rows.push(await grown(source, count, 1, (url) => fill(url, count)));
  if (PICTURE !== undefined) await writeFile(PICTURE, growthPicture({ tables, rows }));
  return [...tableFigures(tables), ...rowFigures(rows)];
}

async function fill(url: string, rows: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(TABLE);
    await client.query(
      `INSERT INTO items SELECT ${ROW} FROM generate_series(1::bigint, ${rows}::bigint) i`,
    );
  });
}

/** Full load into a fresh server, a rest, and another start. */
async function grown(
  source: PostgresServer,
  count: number,
  tables: number,
  prepare: (url: string) => Promise<void>,
): Promise<Growth> {
  const sourceUrl = await source.createDatabase("growth");
  await prepare(sourceUrl);
  const target = await startTarget("postgres", { storage: "disk", settings: SETTINGS });
  try {
    const pattern = String.raw`public.\.*`;
    const options = { name: "growth", sourceUrl, target, tables: pattern };
    const began = performance.now();
    const first = await RealRun.start(options);
    await first.process.waitForSync(tables, TIMEOUT_MS);
    const seconds = (performance.now() - began) / 1000;
    const before = cpuSecondsOf(first.process.pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
    const idleCpuPercent = ((cpuSecondsOf(first.process.pid) - before) / IDLE_SECONDS) * 100;
    const mib = await first.peakMib();
    await first.stop();
    return { count, seconds, mib, idleCpuPercent, startSeconds: await startAgain(options) };
  } finally {
    await clear(target, source, sourceUrl);
  }
}

async function startAgain(options: Parameters<typeof RealRun.start>[0]): Promise<number> {
  const began = performance.now();
  const second = await RealRun.start(options);
  await second.process.running;
  const seconds = (performance.now() - began) / 1000;
  await second.stop();
  return seconds;
}

async function clear(target: BenchTarget, source: PostgresServer, url: string): Promise<void> {
  await target.stop();
  await withClient(url, (client) =>
    client.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    ),
  );
  const database = new URL(url).pathname.slice(1);
  await source.query(`DROP DATABASE "${decodeURIComponent(database)}" WITH (FORCE)`);
}

function tableFigures(tables: readonly Growth[]): Figure[] {
  const [fewest, most] = [tables[0], tables.at(-1)];
  const figures = tables.flatMap(({ count, seconds, startSeconds, mib, idleCpuPercent }) => {
    const name = `${count.toLocaleString("en-US")} tables`;
    return [
      absolute(`${name}, until all are SYNC`, seconds, "s"),
      absolute(`${name}, another start until changes flow`, startSeconds, "s"),
      absolute(`${name}, memory`, mib, "MiB"),
      absolute(`${name}, CPU while nothing happens`, idleCpuPercent, "%"),
    ];
  });
  if (fewest === undefined || most === undefined || fewest === most) return figures;
  const perTable = (pick: (growth: Growth) => number): number =>
    (pick(most) - pick(fewest)) / (most.count - fewest.count);
  return [
    ...figures,
    absolute(
      "a table more, until it is SYNC",
      perTable(({ seconds }) => seconds * 1000),
      "ms",
    ),
    absolute(
      "a table more, at another start",
      perTable(({ startSeconds }) => startSeconds * 1000),
      "ms",
    ),
    atMost(
      "a table more, memory",
      perTable(({ mib }) => mib * 1024),
      "KiB",
      MOST_KIB_PER_TABLE,
    ),
  ];
}

function rowFigures(rows: readonly Growth[]): Figure[] {
  const figures = rows.flatMap(({ count, seconds, mib }) => {
    const name = `${count.toLocaleString("en-US")} rows`;
    return [absolute(`${name}, full load`, seconds, "s"), absolute(`${name}, memory`, mib, "MiB")];
  });
  const steps = rows.slice(1).map((more, i) => {
    const less = rows[i] ?? more;
    return (more.seconds - less.seconds) / (more.count - less.count);
  });
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return figures;
  const name = "time of a row: the last step beside the first";
  return [...figures, atMost(name, last / first, "times", MOST_PER_ROW)];
}
