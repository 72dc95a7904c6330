/** Targets that somebody drops at the sink: their tables are loaded again, and nothing is followed on into a hole (I1, I8). */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sharedPostgres, type SharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline, type PipelineEvent } from "./index.ts";
import { dropSlots, pipelineBetween } from "./pipeline-between.fixture.ts";
import { SQL_TARGETS, type SqlTarget } from "./sql-target.fixture.ts";
import { tableOf } from "./tables-between.fixture.ts";

const TABLES = ["item", "other", "plain"];
const CONTENTS = (table: string) => `SELECT id::int, v FROM ${table} ORDER BY id, v`;

describe.each(SQL_TARGETS)("a target that somebody drops at $kind", ({ kind, start }) => {
  let source: SharedPostgres;
  let target: SqlTarget;
  let atTarget: pg.Client;
  let events: PipelineEvent[];
  const running: Pipeline[] = [];

  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.release());
  beforeEach(async () => {
    events = [];
    source = await sharedPostgres();
    atTarget = new pg.Client({ connectionString: target.url });
    await atTarget.connect();
    await source.query(`
      CREATE TABLE item (id int PRIMARY KEY, v text);
      CREATE TABLE other (id int PRIMARY KEY, v text);
      CREATE TABLE plain (id int, v text);
      ALTER TABLE plain REPLICA IDENTITY FULL;
      INSERT INTO item SELECT g, 'a' || g FROM generate_series(1, 50) g;
      INSERT INTO other SELECT g, 'b' || g FROM generate_series(1, 50) g;
      INSERT INTO plain SELECT g, 'c' || g FROM generate_series(1, 50) g`);
  });
  afterEach(async () => {
    for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
    for (const table of TABLES) await ask(`DROP TABLE IF EXISTS ${table}`);
    await atTarget.end();
    await dropSlots(source);
    await source.release();
  });

  async function run(
    sink: Readonly<Record<string, unknown>> = {},
    more: Readonly<Record<string, unknown>> = {},
  ): Promise<Pipeline> {
    const file = pipelineBetween(source, source, {
      name: source.database.slice(0, 40),
      tables: String.raw`public.\.*`,
      source: more,
    });
    // Each test has a state of its own.
    const own = { "state.schema": source.database.slice(0, 40) };
    const pipeline = await loadPipeline({ ...file, sink: { ...target.sink, ...own, ...sink } });
    running.push(pipeline);
    void (async () => {
      for await (const event of pipeline.events()) events.push(event);
    })();
    await pipeline.start();
    return pipeline;
  }

  async function loaded(): Promise<void> {
    const pipeline = await run();
    await pipeline.caughtUp();
    await pipeline.stop();
    expect(told()).toEqual([]);
  }

  /** A session that lags behind a schema change is told so, once. */
  async function ask(sql: string): Promise<unknown[]> {
    const { rows } = await atTarget.query<Record<string, unknown>>(sql).catch((error: unknown) => {
      if (!(error instanceof pg.DatabaseError) || error.code !== "40001") throw error;
      return atTarget.query<Record<string, unknown>>(sql);
    });
    return rows;
  }

  const told = () =>
    events.flatMap((event) =>
      event.type === "notice" && /not there any more|is another table than/.test(event.message)
        ? [`${event.table} ${event.level ?? "warn"}`]
        : [],
    );

  async function expectSame(tables = TABLES): Promise<void> {
    for (const table of tables)
      expect(await ask(CONTENTS(table))).toEqual(await source.query(CONTENTS(table)));
  }

  const WRITES =
    "INSERT INTO item VALUES (51, 'new'); UPDATE item SET v = 'x' WHERE id < 4; DELETE FROM item WHERE id = 9; INSERT INTO plain VALUES (51, 'new')";

  it("while the pipeline is down, or makes anew, is loaded again, which is told once; the others go on", async () => {
    await loaded();
    await ask("DROP TABLE item");
    // Made anew, empty, by somebody: another one under its name.
    await ask("DROP TABLE plain");
    await ask("CREATE TABLE plain (_millrace_key text PRIMARY KEY, id int, v text)");
    await source.query(WRITES);
    const pipeline = await run();
    await pipeline.caughtUp();
    await expectSame();
    expect(told().toSorted()).toEqual(["public.item warn", "public.plain warn"]);
    for (const table of ["item", "plain"])
      expect(tableOf(pipeline, `public.${table}`).notices.join()).toContain("loaded again");
    expect(tableOf(pipeline, "public.other").notices).toEqual([]);
    await pipeline.restart();
    await pipeline.caughtUp();
    // Told once: the new one is known.
    expect(told()).toHaveLength(2);
  });

  it("while the pipeline runs is made anew and loaded again with the next write", async () => {
    const pipeline = await run();
    await pipeline.caughtUp();
    await ask("DROP TABLE item");
    await source.query(WRITES);
    await pipeline.caughtUp();
    await expect.poll(told, { timeout: 60_000 }).toEqual(["public.item warn"]);
    await pipeline.caughtUp();
    await expectSame();
  });

  // What is left is the pipeline's own, whatever the sink.
  if (kind === "dsql") return;

  it("while a schema change of it is under way does not hold up the starts", async () => {
    await loaded();
    await ask("ALTER TABLE item ADD COLUMN c int");
    await ask("UPDATE item SET c = 1");
    // The alteration meets a column of another type, with values in it, and leaves its intent open.
    await source.query("ALTER TABLE item ADD COLUMN c date");
    await source.query("INSERT INTO item VALUES (60, 'after', '2026-01-01')");
    const pipeline = await run();
    const isRefused = () =>
      events.some((event) => event.type === "retry" && event.message.includes("MR_SINK_SCHEMA"));
    await expect.poll(isRefused, { timeout: 60_000 }).toBe(true);
    await ask("DROP TABLE item");
    const added = () => ask("SELECT c::text FROM item WHERE id = 60").catch(() => []);
    await expect.poll(added, { timeout: 60_000 }).toEqual([{ c: "2026-01-01" }]);
    await pipeline.caughtUp();
    await expectSame();
    expect(told()).toEqual(["public.item warn"]);
  });

  it("ends a pipeline that must not make tables, and is loaded again however it comes back", async () => {
    await loaded();
    await ask("DROP TABLE item");
    await source.query(WRITES);
    await expect(run({ create: "never" }).then((p) => p.caughtUp())).rejects.toThrow(
      /public.item does not exist/,
    );
    await running.at(-1)?.stop();
    // With a row that the source has deleted since: a copy of earlier days.
    await ask("CREATE TABLE item (id int PRIMARY KEY, v text)");
    await ask("INSERT INTO item VALUES (9, 'a9')");
    const pipeline = await run({ create: "never" });
    await pipeline.caughtUp();
    await expectSame();
  });

  it("is not one that the pipeline itself has made anew", async () => {
    const pipeline = await run();
    await pipeline.caughtUp();
    await source.query("ALTER TABLE item DROP CONSTRAINT item_pkey, ADD PRIMARY KEY (id, v)");
    await source.query("INSERT INTO item VALUES (1, 'twice')");
    const keyAtTarget = () =>
      ask("SELECT array_length(conkey, 1) AS n FROM pg_constraint WHERE conname = 'item_pkey'");
    await expect.poll(keyAtTarget, { timeout: 60_000 }).toEqual([{ n: 2 }]);
    await pipeline.caughtUp();
    for (let starts = 0; starts < 2; starts++) {
      await pipeline.restart();
      await pipeline.caughtUp();
    }
    expect(told()).toEqual([]);
    await expectSame();
  });

  it("of a file that loads nothing goes on with the log, and says what brings back the rest", async () => {
    const latest = { "scan.startup.mode": "latest-offset" };
    const first = await run({}, latest);
    await first.caughtUp();
    await source.query("INSERT INTO item VALUES (51, 'early')");
    await first.caughtUp();
    await first.stop();
    await ask("DROP TABLE item");
    await source.query("INSERT INTO item VALUES (52, 'late')");
    const pipeline = await run({}, latest);
    await pipeline.caughtUp();
    expect(await ask(CONTENTS("item"))).toEqual([{ id: 52, v: "late" }]);
    expect(told()).toEqual(["public.item warn"]);
    await pipeline.resync("public.item");
    await pipeline.caughtUp();
    await expectSame(["item"]);
  });
});
