import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { MillraceError } from "./errors/millrace-error.ts";
import { setFailpointHandler } from "./model/failpoint.ts";
import { readiness } from "./observe/health.ts";
import { Metrics } from "./observe/metrics.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** The long form also waits for the looks at the source, which are seconds apart. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

const T = "public.t";
const ALL_OF_T = "SELECT * FROM t ORDER BY id";
const ALL_OF_OTHER = "SELECT * FROM other ORDER BY id";

describe("one table that is paused", () => {
  let between: TablesBetween;
  let pipeline: Pipeline;

  beforeAll(async () => {
    between = await tablesBetween();
  });
  beforeEach(async () => {
    const tables = `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int PRIMARY KEY, v text);
      CREATE TABLE bag (v text); ALTER TABLE bag REPLICA IDENTITY FULL`;
    await between.source.query(`DROP TABLE IF EXISTS t, other, bag; ${tables};
      INSERT INTO t SELECT i, 'old' FROM generate_series(1, 50) i; INSERT INTO bag VALUES ('a'), ('a')`);
    await between.target.query(
      "DROP SCHEMA IF EXISTS millrace CASCADE; DROP TABLE IF EXISTS t, other, bag",
    );
  });
  afterEach(async () => {
    setFailpointHandler(null);
    await between.stop();
    await between.source.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    );
  });
  afterAll(() => between.release());

  const expectSame = (sql: string) => between.expectSame(sql);
  const synced = async (metrics?: Metrics) => {
    pipeline = await between.run(undefined, metrics === undefined ? {} : { metrics });
    await pipeline.caughtUp();
  };
  /** Everything but the paused table has caught up. */
  const othersCaughtUp = () =>
    expect(pipeline.caughtUp()).rejects.toMatchObject({ code: "MR_TABLE_PAUSED" });
  const change = (sql: string) => between.source.query(sql);

  it("is left out while the others and the log go on, and equals the source again after the resume", async () => {
    const metrics = new Metrics();
    await synced(metrics);
    await pipeline.pauseTable(T);
    await change(
      "DELETE FROM t WHERE id <= 10; UPDATE t SET v = 'new' WHERE id = 20; INSERT INTO t VALUES (99, 'late')",
    );
    await change("INSERT INTO other VALUES (1, 'b')");
    await othersCaughtUp();
    await expectSame(ALL_OF_OTHER);
    expect(await between.target.query("SELECT count(*)::int AS n FROM t WHERE v = 'old'")).toEqual([
      { n: 50 },
    ]);
    expect(tableOf(pipeline, T)).toMatchObject({
      state: "INIT_SYNC",
      loadedPercent: null,
      paused: { atMs: expect.any(Number) },
    });
    expect(readiness([pipeline.status()], 60_000).reasons).toContain(
      `${pipeline.name}: ${T} is paused`,
    );
    const { text } = await metrics.page();
    const labels = `pipeline="${pipeline.name}",table="${T}"`;
    expect(text).toContain(`millrace_table_paused{${labels}} 1`);
    expect(text).toContain(`millrace_table_state{${labels},state="SYNC"} 0`);
    await soon(async () => (await acknowledgedBehind()) < 1_000);
    await pipeline.resumeTable(T);
    expect(tableOf(pipeline, T)).toMatchObject({ state: "INIT_SYNC", paused: null });
    await pipeline.caughtUp();
    await expectSame(ALL_OF_T);
    await between.follow(pipeline, "UPDATE t SET v = 'followed' WHERE id = 99");
    await expectSame(ALL_OF_T);
  });

  /** How much log the slot holds behind what the server has written, bytes. */
  async function acknowledgedBehind(): Promise<number> {
    const [row] = await between.source.query(
      "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn)::int AS bytes FROM pg_replication_slots WHERE database = current_database()",
    );
    return Number(row?.["bytes"]);
  }

  it("stays paused over a restart, and nothing but a resume loads it", async () => {
    await synced();
    await pipeline.pauseTable(T);
    const since = tableOf(pipeline, T).paused;
    await pipeline.pauseTable(T);
    await expect(pipeline.resync(T)).rejects.toMatchObject({ code: "MR_TABLE_PAUSED" });
    await between.stop();
    await change("UPDATE t SET v = 'meanwhile'");
    pipeline = await between.run();
    await othersCaughtUp();
    expect(tableOf(pipeline, T).paused).toEqual(since);
    expect(await between.target.query("SELECT DISTINCT v FROM t")).toEqual([{ v: "old" }]);
    await pipeline.resumeTable(T);
    await pipeline.resumeTable(T);
    await pipeline.caughtUp();
    await expectSame(ALL_OF_T);
    await expect(pipeline.pauseTable("public.none")).rejects.toMatchObject({
      code: "MR_NOT_FOUND",
    });
  });

  it("keeps its rows through a TRUNCATE, and takes the present shape with the resume", async () => {
    await synced();
    await pipeline.pauseTable(T);
    await change(
      "TRUNCATE t; ALTER TABLE t ADD w int DEFAULT 7; INSERT INTO t VALUES (1, 'x'); ALTER TABLE t RENAME v TO u",
    );
    await change(
      "INSERT INTO t VALUES (2, 'y', 8); ALTER TABLE t DROP COLUMN u; INSERT INTO t VALUES (3, 9)",
    );
    await othersCaughtUp();
    expect(await between.target.query("SELECT count(*)::int AS n, min(v) AS v FROM t")).toEqual([
      { n: 50, v: "old" },
    ]);
    await pipeline.resumeTable(T);
    await pipeline.caughtUp();
    await expectSame("SELECT id, w FROM t ORDER BY id");
    await between.follow(pipeline, "ALTER TABLE t ADD z text; INSERT INTO t VALUES (4, 1, 'z')");
    await expectSame("SELECT id, w, z FROM t ORDER BY id");
  });

  if (isFull) {
    it("that was made anew at the source meanwhile is loaded as it is now", async () => {
      await synced();
      await pipeline.pauseTable(T);
      await change(
        "DROP TABLE t; CREATE TABLE t (id bigint PRIMARY KEY, other text); INSERT INTO t VALUES (7, 'anew')",
      );
      await soon(() => pipeline.status().fence !== null && (pipeline.status().fence ?? 0) > 1);
      await othersCaughtUp();
      await pipeline.resumeTable(T);
      await pipeline.caughtUp();
      await expectSame("SELECT id::text, other FROM t ORDER BY id");
    });
  }

  it("has no key: it is left out and loaded anew all the same", async () => {
    await synced();
    await pipeline.pauseTable("public.bag");
    await change(
      "DELETE FROM bag WHERE ctid = (SELECT min(ctid) FROM bag); INSERT INTO bag VALUES ('b')",
    );
    await othersCaughtUp();
    await pipeline.resumeTable("public.bag");
    await between.follow(pipeline, "INSERT INTO bag VALUES ('c')");
    await expectSame("SELECT v FROM bag ORDER BY v");
  });

  it("may be paused while it is being loaded, and while it is loaded again", async () => {
    const chunks = { source: { "scan.incremental.snapshot.chunk.size": 100 } };
    await change("INSERT INTO t SELECT i, 'more' FROM generate_series(1000, 2000) i");
    let pausing: Promise<void> | null = null;
    setFailpointHandler((name) => {
      if (name === "chunk.batch-sent" && pausing === null && pipeline.status().tables.length > 0)
        pausing = pipeline.pauseTable(T);
    });
    pipeline = await between.run(between.file(chunks));
    await soon(() => pausing !== null && tableOf(pipeline, T).paused !== null);
    setFailpointHandler(null);
    await change("DELETE FROM t WHERE id % 2 = 0");
    await othersCaughtUp();
    await pipeline.resumeTable(T);
    await pipeline.pauseTable(T);
    await pipeline.resumeTable(T);
    await pipeline.caughtUp();
    await expectSame(ALL_OF_T);
  });

  it("loses nothing of transactions that are open while it is paused or resumed", async () => {
    await synced();
    const writer = { stop: false };
    const writing = (async () => {
      for (let i = 100; !writer.stop; i++)
        await change(`BEGIN; INSERT INTO t VALUES (${i}, 'w'); UPDATE t SET v = v || '+' WHERE id = ${i - 3};
          DELETE FROM t WHERE id = ${i - 7}; COMMIT`);
    })();
    for (let round = 0; round < 6; round++) {
      await pipeline.pauseTable(T);
      await pipeline.resumeTable(T);
      if (round % 2 === 1) await soon(() => tableOf(pipeline, T).state === "SYNC");
    }
    writer.stop = true;
    await writing;
    await pipeline.caughtUp();
    await expectSame(ALL_OF_T);
  });

  it("is whole after a crash at any place of a pause or a resume", async () => {
    await synced();
    const places = [
      "table.paused",
      "table.adopted",
      "barrier.intent",
      "barrier.acted",
      "barrier.done",
      "table.resumed",
    ];
    for (const [i, place] of places.entries()) {
      const crash = { left: 1 };
      setFailpointHandler((name) => {
        if (name === place && crash.left-- === 1)
          throw new MillraceError("MR_SINK_LOST_CONNECTION", `failpoint ${name}`);
      });
      await pipeline.pauseTable(T);
      await change(
        `ALTER TABLE t ADD w${i} int DEFAULT ${i}; UPDATE t SET v = '${place}'; DELETE FROM t WHERE id > ${45 - i}`,
      );
      await othersCaughtUp();
      await pipeline.resumeTable(T);
      await pipeline.caughtUp();
      expect([place, crash.left < 1]).toEqual([place, true]);
      await expectSame(ALL_OF_T);
    }
  });
});
