/** A load with a rate, against real servers: how fast it is, and that it ends right while rows change. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";

const KIB = 1024;
/** A longer load, whose beginning and end weigh less. */
const FULL = process.env["MILLRACE_E2E_FULL"] === "1";
const TIMES = FULL ? 8 : 1;
/**
 * The least and the most of what was asked for that counts as it. A short load may be a chunk ahead at its end, and one
 * on a busy machine is slower than it may: of it is asked that it is held for no longer than what it read costs.
 */
const [LEAST, MOST] = FULL ? [0.85, 1.15] : [0, 1.25];
const [ROWS_PER_SECOND, BYTES_PER_SECOND] = [150, 100 * KIB];
/** A row of `wide` on the wire. */
const WIDE_BYTES = 1_010;
/** Rows that changed meanwhile, and timers that count whole milliseconds. */
const ROUNDING = 1.05;

let source: SharedPostgres;
let target: SharedPostgres;
beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), sharedPostgres()]);
  await source.query(`
    CREATE TABLE keyed (id int PRIMARY KEY, v text);
    CREATE TABLE plain (id int, v text);
    ALTER TABLE plain REPLICA IDENTITY FULL;
    CREATE TABLE wide (id int PRIMARY KEY, v text);
    INSERT INTO keyed SELECT g, 'k' || g FROM generate_series(1, ${400 * TIMES}) g;
    INSERT INTO plain SELECT g, 'p' || g FROM generate_series(1, ${200 * TIMES}) g;
    INSERT INTO wide SELECT g, repeat('w', 1000) || g FROM generate_series(1, ${400 * TIMES}) g`);
});
afterAll(async () => {
  await dropSlots(source);
  await Promise.all([source.release(), target.release()]);
});

const begin = (name: string, tables: string, options: Record<string, unknown>): Promise<Pipeline> =>
  loadPipeline(
    pipelineBetween(source, target, {
      name,
      tables: `public.${tables}`,
      source: {
        // Each worker may be a page ahead of the rate: a short load has one.
        "scan.snapshot.parallelism": FULL ? 4 : 1,
        "scan.incremental.snapshot.chunk.size": 100,
        ...options,
      },
    }),
  );

/** Rows a second of a load, by its own count, from its first rows until nearly all is at the sink. */
async function rateOf(pipeline: Pipeline, rows: number): Promise<number> {
  const loaded = () => pipeline.status().tables.reduce((sum, table) => sum + table.rowsLoaded, 0);
  const until = async (count: number): Promise<number> => {
    while (loaded() < count) await new Promise((resolve) => setTimeout(resolve, 5));
    return performance.now();
  };
  const began = await until(1);
  const first = loaded();
  const ended = await until(rows * 0.97);
  return ((loaded() - first) / (ended - began)) * 1_000;
}

/** How late timers of this process were in all, milliseconds, until the signal aborts: so late a wait for the rate may end, too. */
async function lateness(signal: AbortSignal): Promise<number> {
  const everyMs = 25;
  let lateMs = 0;
  while (!signal.aborted) {
    const began = performance.now();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    lateMs += Math.max(0, performance.now() - began - everyMs);
  }
  return lateMs;
}

/** Changes rows until the signal aborts. */
async function write(signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n++) {
    await source.query(`
      UPDATE keyed SET v = v || '.' WHERE id % 97 = ${n % 97};
      DELETE FROM keyed WHERE id = ${400 * TIMES - n};
      INSERT INTO keyed VALUES (${100_000 + n}, 'new');
      UPDATE plain SET v = v || '.' WHERE id % 89 = ${n % 89};
      UPDATE wide SET v = repeat('x', 1000) || id WHERE id % 101 = ${n % 101}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const contents = (table: string) =>
  `SELECT count(*)::int AS n, md5(string_agg(id || v, ',' ORDER BY id, v)) AS hash FROM ${table}`;

describe("a load with a rate", () => {
  it("keeps to rows and to bytes per second, with and without a key, and ends equal while rows change", async () => {
    const slot = source.database;
    const rows = await begin(`${slot}r`, "(keyed|plain)", {
      "scan.snapshot.max-rows-per-second": ROWS_PER_SECOND,
    });
    const bytes = await begin(`${slot}b`, "wide", {
      "scan.snapshot.max-bytes-per-second": `${BYTES_PER_SECOND}b`,
    });
    const writing = new AbortController();
    const late = lateness(writing.signal);
    await Promise.all([rows.start(), bytes.start()]);
    const written = write(writing.signal);
    const rates = await Promise.all([rateOf(rows, 600 * TIMES), rateOf(bytes, 400 * TIMES)]);
    expect([rows.status().load.waitedMs > 0, bytes.status().load.waitedMs > 0]).toEqual([
      true,
      true,
    ]);
    writing.abort();
    await written;
    const lateMs = await late;
    const waitsMs = [rows, bytes].map((pipeline) => pipeline.status().load.waitedMs);
    await Promise.all([rows.caughtUp(), bytes.caughtUp()]);
    for (const table of ["keyed", "plain", "wide"])
      expect(await target.query(contents(table))).toEqual(await source.query(contents(table)));
    await Promise.all([rows.stop(), bytes.stop()]);
    // One worker waits at a time. In the long form several do, whose waits are added up.
    const costsMs = [600 / ROWS_PER_SECOND, (400 * WIDE_BYTES) / BYTES_PER_SECOND].map(
      (seconds) => seconds * 1_000 * ROUNDING + lateMs,
    );
    if (!FULL)
      expect(
        waitsMs.map((ms, i) => ms < (costsMs[i] ?? 0)),
        [...waitsMs, ...costsMs].join(" "),
      ).toEqual([true, true]);
    const shares = [rates[0] / ROWS_PER_SECOND, (rates[1] * WIDE_BYTES) / BYTES_PER_SECOND];
    expect(
      shares.map((share) => share > LEAST && share < MOST),
      shares.join(" "),
    ).toEqual([true, true]);
  });
});
