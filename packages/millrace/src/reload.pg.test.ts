import { writeFileSync } from "node:fs";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { soon, tableOf, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** The long form also waits for a table that appears, which is looked for every 15 s. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

describe("a file that is read again", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
  });
  beforeEach(async () => {
    await between.source.query(`DROP TABLE IF EXISTS a, b, c, later;
      CREATE TABLE a (id int PRIMARY KEY, v text, secret text); CREATE TABLE b (LIKE a INCLUDING ALL); CREATE TABLE c (LIKE a INCLUDING ALL);
      INSERT INTO a VALUES (1, 'a', 'sa'); INSERT INTO b VALUES (1, 'b', 'sb'); INSERT INTO c VALUES (1, 'c', 'sc')`);
    await between.target.query(
      "DROP SCHEMA IF EXISTS millrace, moved CASCADE; DROP TABLE IF EXISTS a, b, c, later",
    );
  });
  afterEach(async () => {
    await between.stop();
    await between.source.query(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()",
    );
  });
  afterAll(() => between.release());

  const expectSame = (sql: string) => between.expectSame(sql);
  const atTarget = (sql: string) => between.target.query(sql);
  const running = async (tables: string) => {
    const pipeline = await between.run(between.file({ tables }));
    await pipeline.caughtUp();
    return pipeline;
  };
  /** A route or a transform beside the tables. */
  const withRules = (tables: string, more: Readonly<Record<string, unknown>>) =>
    between.file({ tables, more });

  it("loads tables that come beside the running log, and lets go of those that leave", async () => {
    const pipeline = await running("public.[ab]");
    // Written before the table joins, committed afterwards: in no snapshot that is taken too early, and not in the log.
    const open = new pg.Client({ connectionString: between.source.url });
    await open.connect();
    await open.query("BEGIN; INSERT INTO c VALUES (2, 'open', 's')");
    writeFileSync(pipeline.config.file, JSON.stringify(between.file({ tables: "public.[bc]" })));
    expect(await pipeline.reload()).toEqual({
      came: ["public.c"],
      left: ["public.a"],
      rerouted: [],
      redirected: [],
      changed: true,
    });
    await between.source.query(
      "INSERT INTO b VALUES (2, 'b', ''); UPDATE a SET v = 'left'; INSERT INTO c VALUES (3, 'c', '')",
    );
    await soon(() => tableOf(pipeline, "public.b").state === "SYNC");
    await open.query("COMMIT");
    await open.end();
    await pipeline.caughtUp();
    await expectSame("SELECT * FROM b ORDER BY id");
    await expectSame("SELECT * FROM c ORDER BY id");
    expect(await atTarget("SELECT v FROM a")).toEqual([{ v: "a" }]);
    expect(pipeline.status().tables.map(({ id }) => id)).toEqual(["public.b", "public.c"]);
    expect(await pipeline.reload()).toMatchObject({ changed: false });
  });

  it("keeps whoever waits for it to catch up waiting until it has, with the tables that came", async () => {
    const pipeline = await running("public.a");
    await pipeline.pause();
    await between.source.query("INSERT INTO a VALUES (2, 'a', '')");
    const states = () => pipeline.status().tables.map(({ id, state }) => [id, state]);
    const caughtUp = pipeline.caughtUp().then(states);
    await pipeline.reload(between.file({ tables: "public.[ab]" }));
    await pipeline.resume();
    expect(await caughtUp).toEqual([
      ["public.a", "SYNC"],
      ["public.b", "SYNC"],
    ]);
  });

  it("writes tables that are routed or transformed in another way anew, all of their rows", async () => {
    const pipeline = await running("public.[abc]");
    const route = [{ "source-table": "public.a", "sink-table": "moved.a" }];
    const transform = [{ "source-table": "public.b", "mask-columns": "secret" }];
    const outcome = await pipeline.reload(withRules("public.[abc]", { route, transform }));
    expect(outcome).toEqual({
      came: [],
      left: [],
      rerouted: ["public.a", "public.b"],
      redirected: [],
      changed: true,
    });
    await pipeline.caughtUp();
    await between.follow(
      pipeline,
      "INSERT INTO a VALUES (2, 'x', 'y'); INSERT INTO b VALUES (2, 'x', 'y')",
    );
    expect(await atTarget("SELECT id, secret FROM moved.a ORDER BY id")).toEqual(
      await between.source.query("SELECT id, secret FROM a ORDER BY id"),
    );
    const masked = await atTarget("SELECT DISTINCT secret FROM b");
    expect(masked).toHaveLength(1);
    expect(["sb", "y"]).not.toContain(masked[0]?.["secret"]);
    expect(tableOf(pipeline, "public.c").rowsLoaded).toBe(1);
  });

  it("keeps what is paused paused", async () => {
    const pipeline = await running("public.[ab]");
    await pipeline.pauseTable("public.b");
    await pipeline.pause();
    await pipeline.reload(between.file({ tables: "public.[abc]" }));
    expect(pipeline.status().state).toBe("paused");
    await pipeline.resume();
    await expect(pipeline.caughtUp()).rejects.toMatchObject({ code: "MR_TABLE_PAUSED" });
    expect(tableOf(pipeline, "public.b").paused).not.toBeNull();
    await expectSame("SELECT * FROM c");
  });

  it("says all that is wrong or differs, without secrets, and changes nothing", async () => {
    const pipeline = await running("public.[ab]");
    const { fence } = pipeline.status();
    const base = between.file({ tables: "public.[abc]" });
    const other = { ...base, pipeline: { name: pipeline.name, parallelism: 2 } };
    const source = { ...(base["source"] as object), password: "hunter2", port: 1 };
    const refused = pipeline.reload({ ...other, source });
    await expect(refused).rejects.toMatchObject({
      code: "MR_RELOAD_REFUSED",
      detail: expect.stringMatching(
        /^pipeline\.parallelism, source\.password, source\.port differ/,
      ),
    });
    await expect(refused).rejects.not.toThrow("hunter2");
    await expect(pipeline.reload({ ...base, rout: [], sonk: {} })).rejects.toMatchObject({
      problems: [{ path: "rout" }, { path: "sonk" }],
    });
    const route = [{ "source-table": "public.none", "sink-table": "x.y" }];
    await expect(pipeline.reload({ ...base, route })).rejects.toThrow("route[0].source-table");
    await atTarget("CREATE TABLE c (id int PRIMARY KEY, v int, secret text)");
    await expect(pipeline.reload(base)).rejects.toMatchObject({ code: "MR_SINK_SCHEMA" });
    expect(pipeline.status()).toMatchObject({ state: "running", fence });
    expect(pipeline.status().tables).toHaveLength(2);
  });

  if (isFull) {
    it("is not needed for tables that appear at the source and match", async () => {
      const pipeline = await running("public.\\.*");
      await between.source.query(
        "CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)",
      );
      await soon(() => pipeline.status().tables.some(({ id }) => id === "public.later"), 40_000);
      await between.follow(pipeline, "INSERT INTO later VALUES (2)");
      await expectSame("SELECT * FROM later ORDER BY id");
    });
  }
});
