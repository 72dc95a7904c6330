/** Rows that enter or leave a partitioned table without row events are found, running or not (I7). */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { MillraceProcess, runToEnd } from "./millrace-process.ts";
import { writePipelineFile } from "./pipeline-file.ts";
import { makeTarget, type Target } from "./targets.ts";

let source: SharedPostgres;
let target: Target;
let folder: string;
let file: string;

beforeEach(async () => {
  source = await sharedPostgres();
  target = await makeTarget("postgres");
  folder = await mkdtemp(join(tmpdir(), "millrace-partitions-"));
  await source.query(
    `CREATE TABLE other (id int PRIMARY KEY);
     CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
     CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
     CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (200);
     INSERT INTO t SELECT g, 'x' FROM generate_series(95, 105) g`,
  );
  file = await writePipelineFile({
    path: join(folder, "partitions.yaml"),
    name: source.database,
    sourceUrl: source.url,
    tables: "public.(t|other)",
    source: { "publication.name": source.database },
    sink: target.sink,
  });
});

afterEach(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

async function rowsAt(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>("SELECT * FROM t ORDER BY id")).rows;
  } finally {
    await client.end();
  }
}

const run = (...more: string[]) => ["run", file, "--json", "--listen", "off", ...more];

/** Rows go with a partition, rows come with one, rows are written before and after, in leaves that go and stay. */
const MOVES = [
  "UPDATE t SET v = 'before it goes' WHERE id < 100",
  "ALTER TABLE t DETACH PARTITION t1",
  "UPDATE t SET v = 'stays' WHERE id = 100",
  "TRUNCATE t2",
  "INSERT INTO t VALUES (101, 'anew')",
  "CREATE TABLE t3 (LIKE t INCLUDING ALL)",
  "INSERT INTO t3 SELECT g, 'brought' FROM generate_series(200, 210) g",
  "ALTER TABLE t ATTACH PARTITION t3 FOR VALUES FROM (200) TO (300)",
  "UPDATE t SET v = 'after it came' WHERE id = 203",
];

describe("partitions with rows that come and go", () => {
  it("are found at the next start", async () => {
    await runToEnd(run("--until-caught-up"));
    for (const move of MOVES) await source.query(move);
    await runToEnd(run("--until-caught-up"));
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
    // Nothing is left to be found: the next start loads nothing.
    const again = await runToEnd(run("--until-caught-up"));
    expect(again.tail()).not.toContain("partitions");
  });

  it("stay away where the log was far behind and still told of them", async () => {
    await runToEnd(run("--until-caught-up"));
    await source.query("INSERT INTO other SELECT generate_series(1, 100000)");
    await source.query("UPDATE t SET v = 'before it goes' WHERE id < 100");
    await source.query("ALTER TABLE t DETACH PARTITION t1");
    await runToEnd(run("--until-caught-up"));
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
  });

  it("are found while the pipeline runs", async () => {
    await runToEnd(run("--until-caught-up"));
    const running = new MillraceProcess(run());
    try {
      await running.running;
      for (const move of MOVES) await source.query(move);
      const wanted = await rowsAt(source.url);
      await expect
        .poll(() => rowsAt(target.url), { timeout: 60_000, interval: 500 })
        .toEqual(wanted);
    } finally {
      await running.stop();
    }
  });

  it("are only looked for at the sink where rows went, and nothing is read again", async () => {
    await runToEnd(run("--until-caught-up"));
    await source.query("DROP TABLE t1");
    const second = await runToEnd(run("--until-caught-up"));
    expect(await rowsAt(target.url)).toEqual(await rowsAt(source.url));
    expect(second.output.filter((line) => line.includes('"type":"progress"'))).toEqual([]);
    expect(second.tail()).toContain("partitions left or were emptied");
  });

  it("load nothing where a partition was made empty", async () => {
    await runToEnd(run("--until-caught-up"));
    const running = new MillraceProcess(run());
    try {
      await running.running;
      await source.query("CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (200) TO (300)");
      // Seen empty by one of the looks; from then on its rows are the log's.
      await expect.poll(() => partsAtTarget(), { timeout: 60_000, interval: 500 }).toBe(3);
      await source.query("INSERT INTO t VALUES (200, 'later')");
      const wanted = await rowsAt(source.url);
      await expect
        .poll(() => rowsAt(target.url), { timeout: 30_000, interval: 200 })
        .toEqual(wanted);
      expect(running.tail()).not.toContain("partitions");
    } finally {
      await running.stop();
    }
  });
});

/** How many leaves the pipeline has written down. */
async function partsAtTarget(): Promise<number> {
  const client = new pg.Client({ connectionString: target.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ leaves: number }>(
      "SELECT json_array_length(value::json->'parts') AS leaves FROM millrace.state WHERE key = 'parts/public.t'",
    );
    return rows[0]?.leaves ?? 0;
  } finally {
    await client.end();
  }
}
