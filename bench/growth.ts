// How time and memory grow with tables and with rows. Written as a picture too, where BENCH_PICTURE names a file.
import { writeFile } from "node:fs/promises";
import { startPostgres, type PostgresServer } from "../test/support/postgres.ts";
import { runBare } from "./bare-process.ts";
import type { BareCopying } from "./baselines/bare-copy.ts";
import { rowFigures, tableFigures, type Growth } from "./growth-figures.ts";
import { growthPicture } from "./growth-picture.ts";
import { manyTables } from "./many-tables.ts";
import { cpuSecondsOf } from "./process-cpu.ts";
import { RealRun, startTarget, type BenchTarget } from "./real-run.ts";
import type { Figure } from "./report.ts";
import { ROW, TABLE, withClient } from "./workload.ts";

const numbers = (name: string, usual: string): readonly number[] =>
  (process.env[name] ?? usual).split(",").map(Number);

const TABLES = numbers("BENCH_TABLES", "1,10,100,1000");
/** 50 million take a quarter of an hour; the default ends in ten minutes. */
const ROWS = numbers("BENCH_ROWS", "100000,300000,1000000,3000000");
const IDLE_SECONDS = Number(process.env["BENCH_SECONDS"] ?? 10);
const PICTURE = process.env["BENCH_PICTURE"];
const SETTINGS = {
  synchronous_commit: "off",
  max_wal_size: "4GB",
  max_locks_per_transaction: "1024",
};
const TIMEOUT_MS = 7_200_000;
const BARE_CONNECTIONS = 4;

/** What is copied. */
interface Sized {
  readonly count: number;
  readonly tables: number;
  readonly prepare: (url: string) => Promise<void>;
  readonly bare: Pick<BareCopying, "definitions" | "copies">;
}

/** The figures of `growth`. */
export async function run(): Promise<Figure[]> {
  await using source = await startPostgres({ storage: "disk", settings: SETTINGS });
  const tables: Growth[] = [];
  for (const count of TABLES) tables.push(await grown(source, ofTables(count)));
  const rows: Growth[] = [];
  for (const count of ROWS) rows.push(await grown(source, ofRows(count)));
  if (PICTURE !== undefined) await writeFile(PICTURE, growthPicture({ tables, rows }));
  return [...tableFigures(tables), ...rowFigures(rows)];
}

function ofTables(count: number): Sized {
  const all = manyTables.all(count);
  const copies = all.map(({ name }) => ({
    read: `COPY ${name} TO STDOUT`,
    write: `COPY ${name} FROM STDIN`,
  }));
  const definitions = all.map(({ definition }) => definition);
  const prepare = (url: string): Promise<void> => manyTables.create(url, count);
  return { count, tables: count, prepare, bare: { definitions, copies } };
}

/** Each of the bare connections copies one stretch of the keys. */
function ofRows(count: number): Sized {
  const stretch = Math.ceil(count / BARE_CONNECTIONS);
  const copies = Array.from({ length: BARE_CONNECTIONS }, (_, i) => ({
    read: `COPY (SELECT * FROM items WHERE id > ${i * stretch} AND id <= ${(i + 1) * stretch}) TO STDOUT`,
    write: "COPY items FROM STDIN",
  }));
  const prepare = (url: string): Promise<void> => fill(url, count);
  return { count, tables: 1, prepare, bare: { definitions: [TABLE], copies } };
}

async function fill(url: string, rows: number): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(TABLE);
    await client.query(
      `INSERT INTO items SELECT ${ROW} FROM generate_series(1::bigint, ${rows}::bigint) i`,
    );
  });
}

/** Full load into a fresh server, a rest, another start; then the bare copy into the same server, emptied. */
async function grown(
  source: PostgresServer,
  { count, tables, prepare, bare }: Sized,
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
    const startSeconds = await startAgain(options);
    const copied = await copyBare(sourceUrl, target.postgres.url, bare);
    return { count, seconds, mib, idleCpuPercent, startSeconds, bare: copied };
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

function copyBare(source: string, target: string, what: Sized["bare"]): Promise<Growth["bare"]> {
  const emptied = ["DROP SCHEMA public CASCADE", "CREATE SCHEMA public"];
  const given: BareCopying = {
    source,
    target,
    definitions: [...emptied, ...what.definitions],
    copies: what.copies,
    connections: BARE_CONNECTIONS,
  };
  return runBare<{ mib: number }>(new URL("baselines/bare-copy.ts", import.meta.url), given);
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
