/** A load beside changes that never end, against real servers: it goes on, ends, and ends right. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

const SESSIONS = 2;

describe("a load beside changes of a table in SYNC", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
    await between.source.query(`
      CREATE TABLE followed (id int PRIMARY KEY, n int NOT NULL);
      CREATE TABLE loaded (id int PRIMARY KEY, v text NOT NULL);
      INSERT INTO followed SELECT i, 0 FROM generate_series(1, 100) i;
      INSERT INTO loaded SELECT i, repeat('v', 100) FROM generate_series(1, 5000) i`);
  });
  afterAll(() => between.release());

  /** Changes rows of `followed`, one by one and without a pause, until the signal aborts. */
  async function write(signal: AbortSignal, session: number): Promise<void> {
    for (let i = session; !signal.aborted; i += SESSIONS)
      await between.source.query(`UPDATE followed SET n = n + 1 WHERE id = ${1 + (i % 100)}`);
  }

  it("gives way to them, goes on, and ends", async () => {
    const pipeline = await between.run();
    await pipeline.caughtUp();
    const writing = new AbortController();
    const written = Promise.all(
      Array.from({ length: SESSIONS }, (_, session) => write(writing.signal, session)),
    );
    const followed = () => tableOf(pipeline, "public.followed").changes;
    await soon(() => followed() > 100, 60_000);
    let gaveWay = false;
    await pipeline.resync("public.loaded");
    await soon(() => {
      gaveWay ||= pipeline.status().load.givesWay;
      return tableOf(pipeline, "public.loaded").state === "SYNC";
    }, 120_000);
    expect(gaveWay).toBe(true);
    writing.abort();
    await written;
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM followed ORDER BY id");
    await between.expectSame("SELECT * FROM loaded ORDER BY id");
  });

  it("goes on beside them also where transactions are gathered for long", async () => {
    await between.stop();
    const file = between.file();
    const sink = { ...(file["sink"] as object), "flush-interval-ms": 1_500 };
    const pipeline = await between.run({ ...file, sink });
    await pipeline.caughtUp();
    const writing = new AbortController();
    const written = Promise.all(
      Array.from({ length: SESSIONS }, (_, session) => write(writing.signal, session)),
    );
    const before = tableOf(pipeline, "public.followed").changes;
    await soon(() => tableOf(pipeline, "public.followed").changes > before + 100, 60_000);
    await pipeline.resync("public.loaded");
    await soon(() => pipeline.status().load.givesWay, 60_000);
    const loaded = () => tableOf(pipeline, "public.loaded").state;
    await expect.poll(loaded, { timeout: 120_000 }).toBe("SYNC");
    writing.abort();
    await written;
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM loaded ORDER BY id");
  });

  it("has one transaction in flight, and another one only when that has lasted for long", async () => {
    await between.stop();
    const pipeline = await between.run();
    await pipeline.caughtUp();
    const holder = new pg.Client({ connectionString: between.target.url });
    await holder.connect();
    const writing = new AbortController();
    const written = Promise.all(
      Array.from({ length: SESSIONS }, (_, session) => write(writing.signal, session)),
    );
    const before = tableOf(pipeline, "public.followed").changes;
    await soon(() => tableOf(pipeline, "public.followed").changes > before + 100, 60_000);
    // It may be read, and whoever writes it hangs.
    await holder.query("BEGIN; LOCK TABLE loaded IN EXCLUSIVE MODE");
    await pipeline.resync("public.loaded");
    let hung: number[] = [];
    try {
      await expect
        .poll(async () => (hung = await hungSince()).length, { timeout: 60_000, interval: 20 })
        .toBeGreaterThan(1);
    } finally {
      await holder.end();
    }
    writing.abort();
    await written;
    const [first = 0, second = 0] = hung;
    expect(second - first).toBeGreaterThanOrEqual(200);
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM loaded ORDER BY id");
  });

  /** Since when transactions wait for the table that is loaded, ms, the one that has waited longest first. */
  async function hungSince(): Promise<number[]> {
    const rows = await between.target.query(`
      SELECT (extract(epoch FROM waitstart) * 1000)::float8 AS ms FROM pg_locks
      WHERE relation = 'loaded'::regclass AND waitstart IS NOT NULL ORDER BY waitstart`);
    return rows.map((row) => Number(row["ms"]));
  }
});
