import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  LETTER_TARGETS,
  lettersBetween,
  settlePause,
  type LettersBetween,
} from "./letters-between.fixture.ts";
import type { MillraceError } from "./errors/millrace-error.ts";
import { loadPipeline } from "./load-pipeline.ts";
import type { DeadLetter } from "./model/dead-letter.ts";
import { setFailpointHandler } from "./model/failpoint.ts";
import { Metrics } from "./observe/metrics.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { readDeadLetters } from "./read-dead-letters.ts";

describe.each(LETTER_TARGETS)("dead letters at %s", (kind) => {
  let between: LettersBetween;
  let metrics: Metrics;
  let pipeline: Pipeline;

  beforeAll(async () => {
    between = await lettersBetween(kind);
  });
  afterEach(async () => {
    setFailpointHandler(null);
    await pipeline.stop();
    await between.source.query("TRUNCATE orders, odd, bag");
  });
  afterAll(() => between.release());

  /** The pipeline running, and the source's statements followed to their end. */
  async function running(): Promise<void> {
    metrics = new Metrics();
    pipeline = await loadPipeline(between.pipeline, { metrics });
    await pipeline.start();
    await pipeline.caughtUp();
  }
  async function follow(sql: string): Promise<void> {
    await between.source.query(sql);
    await pipeline.caughtUp();
  }
  const letterOf = (key: string): DeadLetter => {
    const found = pipeline.deadLetters().find((letter) => letter.keyColumns["id"] === key);
    if (found === undefined) throw new Error(`there is no letter of ${key}`);
    return found;
  };
  const orders = () =>
    between.at("SELECT id, round(total) AS total, note FROM orders ORDER BY orders.id");

  it("hold key, place and reason, are counted in the metrics, and are found without a process", async () => {
    await between.source.query(
      `INSERT INTO orders VALUES (1, ${between.bad}, 'secret'), (2, 2, 'b')`,
    );
    await running();
    await follow(`UPDATE orders SET total = ${between.bad} WHERE id = 2`);
    expect(letterOf("1")).toMatchObject({ table: "public.orders", op: "r", position: null });
    expect(letterOf("2")).toMatchObject({ op: "u", attempts: 1 });
    expect(letterOf("2").position).not.toBeNull();
    expect(JSON.stringify(pipeline.deadLetters())).not.toContain("secret");
    const text = async () => (await metrics.page()).text;
    const gauge = `millrace_dead_letters{pipeline="${pipeline.name}",table="public.orders"} 2`;
    expect(await text()).toContain(gauge);
    const letters = pipeline.deadLetters();
    await pipeline.stop();
    expect(await readDeadLetters(between.pipeline)).toEqual(letters);
    await running();
    expect(await text()).toContain(gauge);
  });

  it("are settled by a replay once the row is mended at the source, with what came since", async () => {
    await running();
    await follow(`INSERT INTO orders VALUES (1, ${between.bad}, repeat('n', 4000)), (2, 2, 'b')`);
    // What leaves columns out parks behind the letter: the sink has nothing to lay it over.
    await follow("UPDATE orders SET total = 7 WHERE id = 1");
    expect(await orders()).toMatchObject([{ id: "2" }]);
    const [outcome] = await pipeline.replayDeadLetters({ ids: [letterOf("1").id.slice(0, 10)] });
    expect(outcome).toMatchObject({ outcome: "replayed", letter: null });
    await pipeline.caughtUp();
    expect(await orders()).toEqual([
      { id: "1", total: "7", note: "n".repeat(4000) },
      { id: "2", total: "2", note: "b" },
    ]);
    expect(pipeline.deadLetters()).toEqual([]);
    expect(pipeline.status().tables.map(({ state }) => state)).toEqual(["SYNC", "SYNC", "SYNC"]);
    await follow("UPDATE orders SET total = 8 WHERE id = 1");
    expect((await orders())[0]).toEqual({ id: "1", total: "8", note: "n".repeat(4000) });
  });

  it("stay where the row is refused again, with the attempt counted and the reason of now", async () => {
    await running();
    await follow(`INSERT INTO orders VALUES (1, ${between.bad}, 'a')`);
    const before = letterOf("1");
    const [outcome] = await pipeline.replayDeadLetters({ table: "public.orders" });
    expect(outcome).toMatchObject({ outcome: "refused", letter: { attempts: 2 } });
    expect(letterOf("1")).toEqual({
      ...before,
      attempts: 2,
      triedAtMs: letterOf("1").triedAtMs,
    });
    expect(letterOf("1").triedAtMs).toBeGreaterThan(before.parkedAtMs);
  });

  it("of rows that are gone at the source take the sink's row with them", async () => {
    await running();
    await follow("INSERT INTO orders VALUES (1, 1, 'a')");
    await follow(`UPDATE orders SET total = ${between.bad} WHERE id = 1`);
    // The delete is kept from the pipeline, so that only the replay can tell.
    await pipeline.pause();
    await settlePause(between);
    await between.source.query("DELETE FROM orders WHERE id = 1");
    const [outcome] = await pipeline.replayDeadLetters({ all: true });
    expect([outcome?.outcome, await orders()]).toEqual(["deleted", []]);
    await pipeline.resume();
    await pipeline.caughtUp();
    expect([pipeline.deadLetters(), await orders()]).toEqual([[], []]);
  });

  it("find rows by keys of every form", async () => {
    await running();
    await follow(`INSERT INTO odd VALUES (true, 'ab', '2026-01-02 03:04:05.678+09', ${between.bad}),
      (false, 'c', '-infinity', ${between.bad})`);
    expect(pipeline.deadLetters()).toHaveLength(2);
    await follow("ALTER TABLE odd RENAME name TO label");
    await pipeline.pause();
    await settlePause(between);
    await between.source.query("UPDATE odd SET total = 3");
    const outcomes = await pipeline.replayDeadLetters({ table: "public.odd" });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(["replayed", "replayed"]);
    await pipeline.resume();
    await pipeline.caughtUp();
    expect(await between.at("SELECT round(total) AS total FROM odd")).toEqual([
      { total: "3" },
      { total: "3" },
    ]);
    await follow("ALTER TABLE odd RENAME label TO name");
  });

  it("without key cannot be replayed, and go with a resync", async () => {
    await running();
    await follow(`INSERT INTO bag VALUES (1), (${between.bad})`);
    const [outcome] = await pipeline.replayDeadLetters({ table: "public.bag" });
    expect(outcome).toMatchObject({
      outcome: "impossible",
      why: expect.stringContaining("resync the table"),
    });
    await pipeline.pause();
    await settlePause(between);
    await between.source.query("UPDATE bag SET total = 2 WHERE total <> 1");
    await pipeline.resume();
    await pipeline.resync("public.bag");
    await pipeline.caughtUp();
    expect(pipeline.deadLetters()).toEqual([]);
    expect(await between.at("SELECT round(total) AS total FROM bag ORDER BY 1")).toEqual([
      { total: "1" },
      { total: "2" },
    ]);
  });

  it("that are given up are gone, and their rows stay as they are until they change as a whole", async () => {
    await running();
    await follow("INSERT INTO orders VALUES (1, 1, 'a')");
    await follow(`UPDATE orders SET total = ${between.bad} WHERE id = 1`);
    const { id } = letterOf("1");
    expect(await pipeline.discardDeadLetters({ ids: [id] })).toMatchObject([{ id }]);
    expect([pipeline.deadLetters(), await readDeadLetters(between.pipeline)]).toEqual([[], []]);
    expect(await orders()).toMatchObject([{ id: "1", total: "1" }]);
    await expect(pipeline.discardDeadLetters({ ids: [id] })).rejects.toMatchObject({
      code: "MR_NOT_FOUND",
    });
    await follow("UPDATE orders SET total = 4 WHERE id = 1");
    expect(await orders()).toMatchObject([{ id: "1", total: "4" }]);
  });

  it("are given up and replayed by many at once, while their rows change", async () => {
    await running();
    await follow(`INSERT INTO orders SELECT g, ${between.bad}, 'n' FROM generate_series(1, 40) g`);
    const letters = pipeline.deadLetters();
    expect(letters).toHaveLength(40);
    const writing = between.source.query(
      "UPDATE orders SET total = id; UPDATE orders SET note = 'm'; DELETE FROM orders WHERE id % 5 = 0",
    );
    const settling = letters.map(({ id }, i) =>
      i % 2 === 0
        ? pipeline.discardDeadLetters({ ids: [id] })
        : pipeline.replayDeadLetters({ ids: [id] }),
    );
    const told = await Promise.allSettled(settling);
    const unexpected = told.filter(
      (one) => one.status === "rejected" && !String(one.reason).includes("MR_NOT_FOUND"),
    );
    expect(unexpected).toEqual([]);
    await writing;
    await pipeline.caughtUp();
    expect(pipeline.deadLetters()).toEqual([]);
    const expected = await between.source.query(
      "SELECT id::text, total::text, note FROM orders ORDER BY orders.id",
    );
    expect(await orders()).toEqual(expected);
  });

  it("say that a replay waits where a pipeline has been paused since its start", async () => {
    await running();
    await follow(`INSERT INTO orders VALUES (1, ${between.bad}, 'a')`);
    await pipeline.pause();
    await settlePause(between);
    await between.source.query("UPDATE orders SET total = 6 WHERE id = 1");
    await pipeline.restart();
    const held = () =>
      pipeline.status().waits.filter(({ why }) => why.startsWith("a replay of dead letters"));
    await expect.poll(() => pipeline.deadLetters().length, { timeout: 20_000 }).toBe(1);
    const replay = pipeline.replayDeadLetters({ all: true });
    await expect.poll(held, { timeout: 20_000 }).toMatchObject([{ reason: "paused" }]);
    await pipeline.resume();
    expect(await replay).toMatchObject([{ letter: null }]);
    expect([held(), await orders()]).toMatchObject([[], [{ id: "1", total: "6" }]]);
  });

  it.each(["replay.rows-read", "replay.rows-sent", "lane.before-commit", "lane.after-commit"])(
    "outlive what breaks a replay at %s: the row is settled once, or the letter stands",
    async (where) => {
      await running();
      await follow(`INSERT INTO orders VALUES (1, ${between.bad}, 'a')`);
      await pipeline.pause();
      await settlePause(between);
      await between.source.query("UPDATE orders SET total = 6 WHERE id = 1");
      const breakOnce = (name: string) => {
        if (name !== where) return;
        setFailpointHandler(null);
        throw new Error("a failure of the test");
      };
      setFailpointHandler(breakOnce);
      await pipeline.replayDeadLetters({ all: true }).catch(() => undefined);
      setFailpointHandler(null);
      await pipeline.restart();
      // A run that begins paused has not read what its lanes have: a replay waits for that.
      await pipeline.resume();
      const stands = pipeline.deadLetters().length > 0;
      if (stands) await pipeline.replayDeadLetters({ all: true });
      expect(await orders()).toMatchObject([{ id: "1", total: "6" }]);
      await pipeline.caughtUp();
      expect([pipeline.deadLetters(), await orders()]).toMatchObject([
        [],
        [{ id: "1", total: "6" }],
      ]);
    },
  );
});

describe("a value that is larger than DSQL takes", () => {
  it("is parked by the server's word, and replayed once it is shorter", async () => {
    const between = await lettersBetween("dsql");
    const pipeline = await loadPipeline(between.pipeline);
    try {
      await between.source.query(
        "INSERT INTO orders SELECT 1, 1, string_agg(md5(g::text), '') FROM generate_series(1, 50000) g",
      );
      await pipeline.start();
      await pipeline.caughtUp();
      expect(pipeline.deadLetters()).toMatchObject([{ code: "MR_SINK_ROW_REFUSED", op: "r" }]);
      await between.source.query("UPDATE orders SET note = left(note, 1000)");
      await pipeline.replayDeadLetters({ all: true });
      await pipeline.caughtUp();
      expect(pipeline.deadLetters()).toEqual([]);
      expect(await between.at("SELECT length(note) AS n FROM orders")).toEqual([{ n: "1000" }]);
    } finally {
      await pipeline.stop();
      await between.release();
    }
  });
});

/** Where a connection is lost, as on a busy machine, nobody takes a request between the run that ends and the next one. */
const asked = (request: () => Promise<void>): Promise<void> =>
  expect
    .poll(
      () =>
        request().then(
          () => "done",
          ({ code }: MillraceError) => code,
        ),
      { timeout: 60_000 },
    )
    .toBe("done");

describe.each(LETTER_TARGETS)("a table of which too many rows are refused, at %s", (kind) => {
  let between: LettersBetween;
  const started: Pipeline[] = [];

  beforeAll(async () => {
    between = await lettersBetween(kind, { "dead-letters.max": 3 });
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((pipeline) => pipeline.stop()));
  });
  afterAll(() => between.release());

  async function begin(metrics = new Metrics()): Promise<Pipeline> {
    const pipeline = await loadPipeline(between.pipeline, { metrics });
    started.push(pipeline);
    await pipeline.start();
    return pipeline;
  }
  const total = (table: string) =>
    between.at(`SELECT count(*) AS n, round(sum(total)) AS sum FROM ${table}`);

  it("is stopped, loudly and over restarts, while the others go on; a resync brings it back", async () => {
    const { source, bad } = between;
    await source.query("INSERT INTO orders SELECT g, g, 'n' FROM generate_series(1, 10) g");
    const metrics = new Metrics();
    const first = await begin(metrics);
    await first.caughtUp();
    await source.query(`UPDATE orders SET total = ${bad}`);
    await source.query("INSERT INTO bag VALUES (1)");
    await expect(first.caughtUp()).rejects.toMatchObject({ code: "MR_TABLE_STOPPED" });
    expect(first.status()).toMatchObject({
      state: "running",
      tables: expect.arrayContaining([
        expect.objectContaining({
          id: "public.orders",
          state: "INIT_SYNC",
          deadLetters: expect.any(Number),
          stopped: {
            code: "MR_DEAD_LETTER_LIMIT",
            message: expect.stringMatching(
              /^\d+ rows of public\.orders stand as dead letters, and one more was refused: /,
            ),
            atMs: expect.any(Number),
          },
        }),
      ]),
    });
    expect(await total("bag")).toEqual([{ n: "1", sum: "1" }]);
    expect((await metrics.page()).text).toContain(
      `millrace_table_stopped{pipeline="${first.name}",table="public.orders"} 1`,
    );
    const [outcome] = await first.replayDeadLetters({ table: "public.orders" });
    expect(outcome).toMatchObject({ outcome: "impossible" });
    await first.stop();

    const again = await begin();
    await source.query("UPDATE orders SET total = 7; DELETE FROM orders WHERE id = 10");
    await source.query("ALTER TABLE orders ADD extra int DEFAULT 5; INSERT INTO bag VALUES (2)");
    await expect(again.caughtUp()).rejects.toMatchObject({ code: "MR_TABLE_STOPPED" });
    expect(await total("bag")).toEqual([{ n: "2", sum: "3" }]);
    expect((await total("orders"))[0]?.["n"]).toBe("10");

    await asked(() => again.resync("public.orders"));
    await again.caughtUp();
    expect(await total("orders")).toEqual([{ n: "9", sum: "63" }]);
    expect(again.deadLetters()).toEqual([]);
    expect(again.status().tables.map(({ state, stopped }) => [state, stopped])).toEqual([
      ["SYNC", null],
      ["SYNC", null],
      ["SYNC", null],
    ]);
    await source.query("UPDATE orders SET total = 8 WHERE id = 1");
    await again.caughtUp();
    expect(await total("orders")).toEqual([{ n: "9", sum: "64" }]);
  });

  it("is stopped while it is loaded, without key too, and the others are loaded", async () => {
    const { source, bad } = between;
    await source.query(`TRUNCATE orders, bag; INSERT INTO orders SELECT g, g FROM generate_series(1, 5) g;
      INSERT INTO bag SELECT ${bad} FROM generate_series(1, 9)`);
    const pipeline = await begin();
    await pipeline.resync("public.bag").catch(() => undefined);
    await expect(pipeline.caughtUp()).rejects.toMatchObject({ code: "MR_TABLE_STOPPED" });
    const stopped = pipeline.status().tables.filter((table) => table.stopped !== null);
    expect(stopped.map(({ id }) => id)).toEqual(["public.bag"]);
    expect(await total("orders")).toEqual([{ n: "5", sum: "15" }]);
    await source.query("UPDATE bag SET total = 1");
    await asked(() => pipeline.resync("public.bag"));
    await pipeline.caughtUp();
    expect(await total("bag")).toEqual([{ n: "9", sum: "9" }]);
    expect(pipeline.deadLetters()).toEqual([]);
  });
});
