import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkPipeline } from "./check-pipeline.ts";
import { planText } from "./cli/plan-command.ts";
import { dropSlots } from "./pipeline-between.fixture.ts";
import { planPipeline } from "./plan-pipeline.ts";
import { tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

describe("a plan", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
    await between.source.query(
      `CREATE TABLE t (id int PRIMARY KEY, at timestamptz(3), big numeric, net inet, twice int GENERATED ALWAYS AS (id * 2) STORED);
       INSERT INTO t SELECT n FROM generate_series(1, 250) n; ANALYZE t`,
    );
  });
  afterAll(() => between.release());

  const file = (more: Readonly<Record<string, unknown>> = {}) =>
    between.file({ source: { "scan.incremental.snapshot.chunk.size": 100 }, ...more });
  const objects = () =>
    between.target.query(
      "SELECT count(*)::int AS n FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text NOT LIKE 'pg_%'",
    );

  it("tells tables, targets with their DDL, types, chunks and what is special, and touches nothing", async () => {
    const before = await objects();
    const plan = await planPipeline(file());
    expect(await objects()).toEqual(before);
    expect(
      await between.source.query(
        "SELECT 1 FROM pg_replication_slots WHERE database = current_database()",
      ),
    ).toEqual([]);
    const [table] = plan.tables;
    expect(table).toMatchObject({
      table: "public.t",
      isKnown: false,
      estimatedRows: 250,
      chunks: 3,
      leastDpu: null,
    });
    expect(table?.targets).toMatchObject([{ table: "public.t", exists: false }]);
    const text = planText(plan);
    expect(text).toContain(
      "public.t: about 250 rows, 3 chunks\n  into public.t, which is made\n    CREATE TABLE",
    );
    expect(text).toMatch(/net: inet → text: the target has no such type/);
    expect(text).toMatch(/twice: integer → integer: computed at the source/);
    expect(text).toContain(": 1 table, about 250 rows to load in 3 chunks\n");
  });

  it("tells what the load costs at DSQL, what it refuses to round, and that nobody answers there", async () => {
    const sink = {
      type: "dsql",
      host: "127.0.0.1",
      port: 1,
      "use-iam-auth": false,
      password: "x",
      "ssl-mode": "disable",
      username: "admin",
    };
    const plan = await planPipeline({ ...file(), sink });
    const [table] = plan.tables;
    expect(table?.leastDpu).toBeGreaterThan(0);
    expect(table?.targets[0]?.exists).toBeNull();
    expect(planText(plan)).toMatch(
      /big: numeric → numeric\(\d+,\d+\): a value that .* dead letter/,
    );
    expect(planText(plan)).toMatch(/250 rows, 3 chunks, at least 1\.62 DPU/);
    expect(
      plan.findings.some(({ severity, about }) => severity === "error" && about === "sink"),
    ).toBe(true);
  });

  it("says of a table that the pipeline has that it goes on, and of its target that it is there", async () => {
    const pipeline = await between.run(file());
    await pipeline.caughtUp();
    await pipeline.stop();
    const plan = await planPipeline(file());
    expect(plan.tables).toMatchObject([{ isKnown: true, chunks: 0, targets: [{ exists: true }] }]);
    expect(planText(plan)).toContain(
      "public.t: goes on where it stands\n  into public.t, which is there\n",
    );
  });

  it("says of a pipeline whose slot or publication is gone what run says, and what on-loss does", async () => {
    const lossesOf = async (given: object) =>
      (await checkPipeline(given))
        .filter(({ code }) => code !== undefined)
        .map(({ severity, code, whatFollows }) => [severity, code, whatFollows]);
    const resync = file({ source: { "on-loss": "resync" } });
    const again = "All tables would be loaded again (on-loss: resync).";
    expect(await lossesOf(file())).toEqual([]);
    await dropSlots(between.source);
    const missing = "MR_SOURCE_SLOT_MISSING";
    expect(await lossesOf(file())).toEqual([["error", missing, "The pipeline would not start."]]);
    expect(await lossesOf(resync)).toEqual([["warning", missing, again]]);
    const stopped = await planPipeline(file());
    expect(stopped.tables).toMatchObject([{ isKnown: true, isLost: true, chunks: 0 }]);
    expect(planText(stopped)).toContain(
      "public.t: a run ends rather than go on: what comes next is lost (see below)\n",
    );
    expect(planText(await planPipeline(resync))).toMatch(
      /^public\.t: is loaded again: about 250 rows, 1 chunk\n/,
    );
    await between.source.query(`DROP PUBLICATION ${between.source.database}`);
    expect(await lossesOf(resync)).toEqual([["warning", "MR_SOURCE_PUBLICATION_MISSING", again]]);
    const run = between.run(file()).then(({ done }) => done);
    await expect(run).rejects.toMatchObject({ code: "MR_SOURCE_PUBLICATION_MISSING" });
  });
});
