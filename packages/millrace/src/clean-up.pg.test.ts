import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cleanUp } from "./clean-up.ts";
import { cleanedText } from "./cli/cleanup-command.ts";
import { dropSlots } from "./pipeline-between.fixture.ts";
import { tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

describe("a pipeline that is to run no more", () => {
  let between: TablesBetween;

  beforeAll(async () => {
    between = await tablesBetween();
    await between.source.query(
      "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2)",
    );
  });
  afterEach(async () => {
    await between.stop();
    await dropSlots(between.source);
    await between.source.query(`DROP PUBLICATION IF EXISTS ${between.source.database}`);
    await between.target.query("DROP SCHEMA IF EXISTS millrace CASCADE; DROP TABLE IF EXISTS t");
  });
  afterAll(() => between.release());

  /** Loads the table and stops. */
  const ran = async (file = between.file()): Promise<void> => {
    const pipeline = await between.run(file);
    await pipeline.caughtUp();
    await pipeline.stop();
  };
  const outcomes = async (...given: Parameters<typeof cleanUp>) =>
    Object.fromEntries((await cleanUp(...given)).map(({ what, outcome }) => [what, outcome]));
  const atSource = async () => {
    const [row] = await between.source.query(
      `SELECT (SELECT count(*)::int FROM pg_replication_slots WHERE database = current_database()) AS slots,
         (SELECT count(*)::int FROM pg_publication) AS publications`,
    );
    return row;
  };
  const stateRows = async () => {
    const tables = ["state", "dead_letter", "owner"];
    const counts = tables.map((table) => `(SELECT count(*)::int FROM millrace.${table})`);
    const [row] = await between.target.query(`SELECT ${counts.join(" + ")} AS rows`);
    return row?.["rows"];
  };

  it("is refused while it runs, and nothing is dropped", async () => {
    const pipeline = await between.run();
    await pipeline.caughtUp();
    const busy = { class: "config", remedy: expect.stringContaining("millrace stop") };
    await expect(cleanUp(between.file())).rejects.toMatchObject({
      code: "MR_SOURCE_SLOT_BUSY",
      ...busy,
    });
    await expect(cleanUp(between.file(), { state: true })).rejects.toMatchObject({
      code: "MR_STATE_HELD",
      ...busy,
    });
    await between.follow(pipeline, "INSERT INTO t VALUES (3)");
    await between.expectSame("SELECT * FROM t ORDER BY id");
    expect(await atSource()).toEqual({ slots: 1, publications: 1 });
  });

  it("leaves neither slot nor publication, and its state and rows where that is not asked for", async () => {
    await ran();
    const before = await stateRows();
    const dropped = { slot: "dropped", publication: "dropped", state: "kept" };
    expect(await outcomes(between.file())).toEqual(dropped);
    expect(await atSource()).toEqual({ slots: 0, publications: 0 });
    expect(await stateRows()).toBe(before);
    await between.expectSame("SELECT * FROM t ORDER BY id");
    const absent = { slot: "absent", publication: "absent", state: "kept" };
    expect(await outcomes(between.file())).toEqual(absent);
    const saidOf = async (source = {}) =>
      (await cleanUp(between.file({ source }))).map(cleanedText).at(-1);
    expect(await saidOf()).toMatch(
      /^state at the sink of pipeline \S+: left as it is: a run would end with MR_SOURCE_SLOT_MISSING.*on-loss: resync.*cleanup --state/,
    );
    expect(await saidOf({ "on-loss": "resync" })).toMatch(/the next run loads .* again/);
  });

  it("leaves no state either where that is asked for, and may begin anew under its name", async () => {
    await ran();
    expect(await outcomes(between.file(), { state: true })).toMatchObject({ state: "dropped" });
    expect(await stateRows()).toBe(0);
    expect(await outcomes(between.file(), { state: true })).toMatchObject({ state: "absent" });
    await between.source.query("INSERT INTO t VALUES (100)");
    await ran();
    await between.expectSame("SELECT * FROM t ORDER BY id");
  });

  it("keeps the state of others", async () => {
    const other = { name: "other" };
    await ran();
    const source = {
      "slot.name": `${between.source.database}_2`,
      "publication.name": `${between.source.database}_2`,
    };
    const second = {
      ...between.file({ source }),
      pipeline: other,
      route: [{ "source-table": "public.t", "sink-table": "public.t2" }],
    };
    await ran(second);
    const all = Number(await stateRows());
    await cleanUp(between.file(), { state: true });
    const left = await between.target.query(
      "SELECT pipeline FROM millrace.state UNION SELECT pipelines::jsonb->>0 FROM millrace.owner",
    );
    expect(left).toEqual([{ pipeline: "other" }]);
    expect(Number(await stateRows())).toBeLessThan(all);
    await between.source.query("INSERT INTO t VALUES (200)");
    await ran(second);
    expect(await between.target.query("SELECT id FROM t2 ORDER BY id")).toEqual(
      await between.source.query("SELECT id FROM t ORDER BY id"),
    );
    await cleanUp(second, { state: true });
    await between.target.query("DROP TABLE t2");
  });

  it("ends a process that has lost its source connection and not yet found out", async () => {
    const pipeline = await between.run();
    await pipeline.caughtUp();
    // Nobody reads the slot for the moment.
    await pipeline.pause();
    const file = between.file();
    const until = Date.now() + 20_000;
    for (;;) {
      await between.source.query(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active",
      );
      const done = await cleanUp(file, { state: true, force: true }).catch(
        (error: unknown) => error,
      );
      if (Array.isArray(done)) break;
      if (Date.now() > until) throw done;
    }
    // What it meets first: the fence, or that its source has nothing for it any more.
    await expect(pipeline.done).rejects.toMatchObject({
      code: expect.stringMatching(/^MR_(FENCED|SOURCE_(PUBLICATION|SLOT)_MISSING)$/),
    });
    expect(await stateRows()).toBe(0);
  });

  it("leaves alone what is not of its making, and another cluster's slot", async () => {
    const { source } = between;
    await source.query(
      `CREATE PUBLICATION ${source.database} FOR ALL TABLES WITH (publish_via_partition_root = true)`,
    );
    await ran();
    const [, publication, state] = await cleanUp(between.file());
    expect(publication).toMatchObject({
      outcome: "kept",
      why: expect.stringMatching(/^it is not of the kind .*DROP PUBLICATION/),
    });
    expect(state?.why).toMatch(/^a run would end with MR_SOURCE_SLOT_MISSING; with/);
    await between.target.query(
      `UPDATE millrace.state SET value = jsonb_set(value::jsonb, '{identity,system}', '"1"')::text WHERE key = 'pipeline'`,
    );
    await source.query(
      `SELECT pg_create_logical_replication_slot('${source.database}_x', 'pgoutput')`,
    );
    const elsewhere = between.file({ source: { "slot.name": `${source.database}_x` } });
    await expect(cleanUp(elsewhere)).rejects.toMatchObject({ code: "MR_SOURCE_IDENTITY" });
    expect(await atSource()).toEqual({ slots: 1, publications: 1 });
  });

  it("leaves a publication that the file leaves to others, and says that it is why", async () => {
    await between.source.query(`CREATE PUBLICATION ${between.source.database} FOR TABLE t`);
    const file = between.file({ source: { "publication.create": "never" } });
    const [, publication] = await cleanUp(file);
    expect(publication).toMatchObject({
      outcome: "kept",
      why: expect.stringMatching(
        /^the file leaves it to others \(publication\.create: never\); .* owner run: DROP PUBLICATION/,
      ),
    });
  });

  it("goes from its source though its sink is gone", async () => {
    await ran();
    const file = between.file();
    const gone = { ...file, sink: { ...(file["sink"] as object), database: "nowhere" } };
    expect(await outcomes(gone)).toEqual({
      state: "kept",
      slot: "dropped",
      publication: "dropped",
    });
    await expect(cleanUp(gone, { state: true })).rejects.toMatchObject({ code: "MR_SINK_REFUSED" });
  });

  it("takes the state file of files along", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-clean-up-"));
    try {
      const file = { ...between.file(), sink: { type: "jsonl", path: join(folder, "out") } };
      const pipeline = await between.run(file);
      await pipeline.caughtUp();
      await pipeline.restart();
      await pipeline.caughtUp();
      await pipeline.stop();
      expect(await outcomes(file, { state: true })).toMatchObject({ state: "dropped" });
      expect(await outcomes(file, { state: true })).toMatchObject({ state: "absent" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("takes the event trigger along where that is asked for", async () => {
    const file = between.file({ source: { "schema-change.messages": "event-trigger" } });
    await ran(file);
    expect(await outcomes(file)).toMatchObject({ slot: "dropped", publication: "dropped" });
    expect(await outcomes(file, { eventTrigger: true })).toMatchObject({
      "event-trigger": "dropped",
    });
    expect(await outcomes(file, { eventTrigger: true })).toMatchObject({
      "event-trigger": "absent",
    });
  });

  it("says what a role may not drop, with the SQL for who may", async () => {
    const { source } = between;
    await ran();
    const role = `${source.database}_plain`;
    await source.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'p'`);
    try {
      const file = between.file({ source: { username: role, password: "p" } });
      const cleaned = await cleanUp(file);
      expect(cleaned.map(cleanedText).join("")).toMatch(
        /^replication slot \S+: dropped\npublication \S+: NOT dropped: this role may not .*DROP PUBLICATION/,
      );
    } finally {
      await source.query(`DROP ROLE ${role}`);
    }
  });
});
