import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "./model/ports.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { deafObserver, type TaskObserver } from "./pipeline/observer.ts";
import { dropSlots } from "./pipeline-between.fixture.ts";
import { soon, tablesBetween, type TablesBetween } from "./tables-between.fixture.ts";

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

  beforeAll(async () => {
    between = await tablesBetween();
    role = `${between.source.database}_plain`;
    await between.source.query(
      `CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'p'; GRANT CREATE ON DATABASE ${between.source.database} TO ${role}`,
    );
  });
  afterEach(async () => {
    await between.stop();
    await dropSlots(between.source);
    await between.source.query(
      `DROP PUBLICATION IF EXISTS ${between.source.database}; DROP TABLE IF EXISTS a, newcomer, fitting`,
    );
    await between.target.query(
      "DROP SCHEMA IF EXISTS millrace CASCADE; DROP TABLE IF EXISTS a, newcomer, fitting",
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
    const source = { username: role, password: "p", ...more };
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
});
