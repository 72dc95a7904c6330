import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setFailpointHandler } from "./model/failpoint.ts";
import { type Clock, systemClock } from "./model/ports.ts";
import { checkPipeline } from "./check-pipeline.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { deafObserver, type TaskObserver } from "./pipeline/observer.ts";
import { dropSlots } from "./pipeline-between.fixture.ts";
import { verifyPipeline } from "./verify-pipeline.ts";
import { soon, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

/** Run beside a pipeline that stands at a failpoint, whose process cannot wait for an answer there. */
const ALTER = `const { Client } = require("pg"); const client = new Client(process.argv[1]);
  client.connect().then(() => client.query("ALTER TABLE newcomer ADD c text DEFAULT 'new'")).then(() => client.end())`;

const LOOK_EVERY_MS = 5_000;
const ASK_EVERY_MS = 15_000;

/** A clock whose waits between looks are short, and that can be put forward. */
function forwardClock(): Clock & { forward: () => void } {
  let aheadMs = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + aheadMs,
    sleep: (ms, signal) => systemClock.sleep(ms === LOOK_EVERY_MS ? 50 : ms, signal),
    forward: () => void (aheadMs += ASK_EVERY_MS),
  };
}

describe("a table that the role may not take up", () => {
  let between: TablesBetween;
  let role = "";
  const clock = forwardClock();
  const notices: string[] = [];

  let asRole: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    between = await tablesBetween();
    role = `${between.source.database}_plain`;
    asRole = { username: role, password: "p" };
    await between.source.query(
      `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'p'; GRANT CREATE ON DATABASE ${between.source.database} TO ${role}`,
    );
  });
  afterEach(async () => {
    setFailpointHandler(null);
    await between.stop();
    await dropSlots(between.source);
    await between.source.query(
      `DROP PUBLICATION IF EXISTS ${between.source.database}; DROP TABLE IF EXISTS a, newcomer, fitting`,
    );
    await between.target.query(
      "DROP SCHEMA IF EXISTS millrace CASCADE; DROP TABLE IF EXISTS a, moved, newcomer, fitting",
    );
    notices.length = 0;
  });
  afterAll(async () => {
    await between.stop();
    await dropSlots(between.source);
    await between.source.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await between.release();
  });

  const running = async (more: Readonly<Record<string, unknown>> = {}): Promise<Pipeline> => {
    const source = { ...asRole, ...more };
    const observer: TaskObserver = {
      ...deafObserver,
      event: (event) => {
        if (event.type === "notice" && event.table === "public.newcomer")
          notices.push(event.message);
      },
    };
    const observers = [observer];
    const pipeline = await between.run(between.file({ source }), { clock, observers });
    await pipeline.caughtUp();
    return pipeline;
  };
  const asked = async (told: RegExp): Promise<void> => {
    clock.forward();
    await soon(() => notices.some((notice) => told.test(notice)));
    clock.forward();
    await systemClock.sleep(300);
    expect(notices).toHaveLength(1);
  };
  const hasTable = (pipeline: Pipeline, id: string) =>
    pipeline.status().tables.some((table) => table.id === id);

  it("is told of once and waits, also while the pipeline begins anew for another one, until it is given", async () => {
    const { source } = between;
    await source.query(`CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO ${role}`);
    const pipeline = await running();
    await source.query(
      `CREATE TABLE newcomer (id int PRIMARY KEY); GRANT SELECT ON newcomer TO ${role}; INSERT INTO newcomer VALUES (1)`,
    );
    await asked(/does not own all of the tables/);
    await source.query(
      `CREATE TABLE fitting (id int PRIMARY KEY); ALTER TABLE fitting OWNER TO ${role}`,
    );
    clock.forward();
    await soon(() => hasTable(pipeline, "public.fitting"));
    expect(hasTable(pipeline, "public.newcomer")).toBe(false);
    await between.follow(pipeline, "INSERT INTO a VALUES (1)");
    await between.expectSame("SELECT * FROM a");
    await source.query(`ALTER TABLE newcomer OWNER TO ${role}`);
    clock.forward();
    await soon(() => hasTable(pipeline, "public.newcomer"));
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM newcomer");
  });

  it("waits where a publication for all tables has it and nobody lets it be read, or policies filter it", async () => {
    const { source } = between;
    await source.query(
      `CREATE TABLE a (id int PRIMARY KEY); GRANT SELECT ON a TO ${role}; CREATE PUBLICATION ${source.database} FOR ALL TABLES WITH (publish_via_partition_root = true)`,
    );
    const pipeline = await running({ "publication.create": "never" });
    await source.query(
      "CREATE TABLE newcomer (id int PRIMARY KEY); INSERT INTO newcomer VALUES (1)",
    );
    await asked(/may not read public\.newcomer\. .*GRANT SELECT/);
    await source.query(
      `GRANT SELECT ON newcomer TO ${role}; ALTER TABLE newcomer ENABLE ROW LEVEL SECURITY`,
    );
    clock.forward();
    await soon(() => notices.length === 2);
    expect(notices[1]).toMatch(/policies filter .*BYPASSRLS/);
    await between.follow(pipeline, "INSERT INTO a VALUES (1)");
    await between.expectSame("SELECT * FROM a");
    await source.query("ALTER TABLE newcomer DISABLE ROW LEVEL SECURITY");
    clock.forward();
    await soon(() => hasTable(pipeline, "public.newcomer"));
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM newcomer");
  });

  it("waits at a start and beside a reload as while the pipeline runs, and is told of beforehand", async () => {
    const { source } = between;
    await source.query(`CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO ${role}`);
    const before = await running();
    await before.stop();
    await source.query(
      `CREATE TABLE newcomer (id int PRIMARY KEY); CREATE UNLOGGED TABLE fitting (id int PRIMARY KEY);
       ALTER TABLE fitting OWNER TO ${role}; GRANT SELECT ON newcomer TO ${role}; INSERT INTO a VALUES (1); INSERT INTO fitting VALUES (1)`,
    );
    const found = await checkPipeline(between.file({ source: asRole }));
    expect(found.filter(({ severity }) => severity === "error")).toEqual([]);
    const warned = found.filter(({ whatFollows }) => /it waits/.test(whatFollows));
    expect(warned.map(({ severity, what }) => [severity, what])).toEqual([
      ["warning", expect.stringMatching(/does not own "public"\."newcomer"\./)],
      ["warning", expect.stringMatching(/matches public\.fitting, .*unlogged/)],
    ]);
    notices.length = 0;
    const pipeline = await running();
    await between.expectSame("SELECT * FROM a");
    expect(waitsOf(pipeline)).toEqual([
      ["public.newcomer", expect.stringMatching(/does not own all of the tables/)],
      ["public.fitting", expect.stringMatching(/cannot be captured: it is unlogged/)],
    ]);
    expect(notices).toEqual([waitsOf(pipeline)[0]?.[1]]);
    const more = { route: [{ "source-table": "public.a", "sink-table": "public.moved" }] };
    expect(await pipeline.reload(between.file({ source: asRole, more }))).toMatchObject({
      came: [],
      left: [],
      rerouted: ["public.a"],
      redirected: [],
    });
    await pipeline.caughtUp();
    expect(waitsOf(pipeline)).toHaveLength(2);
    const { tables: verified } = await verifyPipeline(between.file({ source: asRole, more }));
    expect(verified.filter(({ table }) => table === "public.fitting")).toEqual([]);
    await source.query(
      `ALTER TABLE newcomer OWNER TO ${role}; ALTER TABLE fitting SET LOGGED; INSERT INTO newcomer VALUES (2)`,
    );
    // Whoever is asked in passing comes along.
    expect(await pipeline.reload(between.file({ source: asRole }))).toMatchObject({
      came: ["public.fitting", "public.newcomer"],
    });
    await pipeline.caughtUp();
    expect(waitsOf(pipeline)).toEqual([]);
    for (const table of ["a", "newcomer", "fitting"])
      await between.expectSame(`SELECT * FROM ${table}`);
  });

  it("is taken up though it is altered while its target is being made", async () => {
    const { source } = between;
    await source.query(`CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO ${role}`);
    const pipeline = await running();
    let isAltered = false;
    setFailpointHandler((name) => {
      if (name !== "sink.after-ddl" || isAltered) return;
      isAltered = true;
      execFileSync(process.execPath, ["-e", ALTER, source.url], { cwd: import.meta.dirname });
    });
    await source.query(
      `CREATE TABLE newcomer (id int PRIMARY KEY); ALTER TABLE newcomer OWNER TO ${role}; INSERT INTO newcomer VALUES (1)`,
    );
    clock.forward();
    await soon(() => hasTable(pipeline, "public.newcomer"));
    expect(isAltered).toBe(true);
    await pipeline.caughtUp();
    await between.expectSame("SELECT * FROM newcomer");
    expect(notices).toEqual([
      expect.stringContaining("it is taken up and loaded"),
      expect.stringContaining("a value of c, without row events"),
    ]);
  });

  it("leaves nothing in the state where the source drops it while it waits", async () => {
    const { source, target } = between;
    await source.query(`CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO ${role}`);
    await target.query("CREATE TABLE newcomer (other text PRIMARY KEY)");
    await running();
    const kept = async () => {
      const rows = await target.query("SELECT key FROM millrace.state WHERE key LIKE 'table/%'");
      return rows.map(({ key }) => String(key)).sort();
    };
    await source.query(
      `CREATE TABLE newcomer (id int PRIMARY KEY); ALTER TABLE newcomer OWNER TO ${role}`,
    );
    await asked(/public\.newcomer/);
    expect(await kept()).toEqual(["table/public.a", "table/public.newcomer"]);
    await source.query("DROP TABLE newcomer");
    clock.forward();
    await soon(async () => (await kept()).length === 1);
    expect(await kept()).toEqual(["table/public.a"]);
  });

  it("stops a reload whose file names it, and a first start", async () => {
    const { source } = between;
    await source.query(
      `CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO ${role}; CREATE UNLOGGED TABLE newcomer (id int PRIMARY KEY)`,
    );
    const all = between.file({ source: asRole });
    await expect(between.run(all)).rejects.toThrow(/matches public\.newcomer/);
    const pipeline = await between.run(between.file({ source: asRole, tables: "public.a" }));
    await pipeline.caughtUp();
    await expect(pipeline.reload(all)).rejects.toThrow(/matches public\.newcomer/);
    expect(pipeline.status().state).toBe("running");
  });
});

function waitsOf(pipeline: Pipeline): [string | null, string][] {
  return pipeline.status().waits.map(({ table, why }) => [table, why]);
}
