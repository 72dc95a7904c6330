/** Rows that enter or leave a partitioned table without row events are found, running or not (I7). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { smallPipeline, type SmallPipeline } from "./small-pipeline.ts";

const ROWS = "SELECT * FROM t ORDER BY id";

let pipeline: SmallPipeline;

beforeEach(async () => {
  pipeline = await smallPipeline(
    `CREATE TABLE other (id int PRIMARY KEY);
     CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
     CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (100);
     CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (100) TO (200);
     INSERT INTO t SELECT g, 'x' FROM generate_series(95, 105) g`,
  );
  await pipeline.write({ tables: "public.(t|other)" });
});

afterEach(() => pipeline.release());

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
    await pipeline.caughtUp();
    for (const move of MOVES) await pipeline.source.query(move);
    await pipeline.caughtUp();
    await pipeline.expectSame(ROWS);
    // Nothing is left to be found: the next start loads nothing.
    const again = await pipeline.caughtUp();
    expect(again.tail()).not.toContain("partitions");
  });

  it("stay away where the log was far behind and still told of them", async () => {
    await pipeline.caughtUp();
    await pipeline.source.query("INSERT INTO other SELECT generate_series(1, 100000)");
    await pipeline.source.query("UPDATE t SET v = 'before it goes' WHERE id < 100");
    await pipeline.source.query("ALTER TABLE t DETACH PARTITION t1");
    await pipeline.caughtUp();
    await pipeline.expectSame(ROWS);
  });

  it("are found while the pipeline runs", async () => {
    await pipeline.caughtUp();
    await pipeline.whileRunning(async () => {
      for (const move of MOVES) await pipeline.source.query(move);
      await pipeline.expectSoonSame(ROWS);
    });
  });

  it("are only looked for at the sink where rows went, and nothing is read again", async () => {
    await pipeline.caughtUp();
    await pipeline.source.query("DROP TABLE t1");
    const second = await pipeline.caughtUp();
    await pipeline.expectSame(ROWS);
    expect(second.output.filter((line) => line.includes('"type":"progress"'))).toEqual([]);
    expect(second.tail()).toContain("partitions of it were or have left");
  });

  it("load nothing where a partition was made and written to at once", async () => {
    await pipeline.caughtUp();
    await pipeline.source.query(
      "BEGIN; CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (200) TO (300); INSERT INTO t VALUES (200, 'at once'); COMMIT",
    );
    const second = await pipeline.caughtUp();
    await pipeline.expectSame(ROWS);
    expect(second.output.filter((line) => line.includes('"type":"progress"'))).toEqual([]);
    expect(second.tail()).not.toContain("partitions");
  });

  it("load nothing where a partition was made empty", async () => {
    await pipeline.caughtUp();
    await pipeline.whileRunning(async (running) => {
      await pipeline.source.query("CREATE TABLE t3 PARTITION OF t FOR VALUES FROM (200) TO (300)");
      // Seen empty by one of the looks; from then on its rows are the log's.
      await expect.poll(() => partsAtTarget(), { timeout: 60_000, interval: 500 }).toBe(3);
      await pipeline.source.query("INSERT INTO t VALUES (200, 'later')");
      await pipeline.expectSoonSame(ROWS, 30_000);
      expect(running.tail()).not.toContain("partitions");
    });
  });
});

/** How many leaves the pipeline has written down. */
async function partsAtTarget(): Promise<unknown> {
  const [row] = await pipeline.atTarget(
    "SELECT json_array_length(value::json->'parts') AS leaves FROM millrace.state WHERE key = 'parts/public.t'",
  );
  return row?.["leaves"] ?? 0;
}
