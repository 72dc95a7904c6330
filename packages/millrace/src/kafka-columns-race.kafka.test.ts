/** Partitions of one table that bring it with different columns at the same moment, each by a task of its own. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { type SharedPostgres, sharedPostgres } from "../../../test/support/postgres.ts";
import { loadPipeline, type Pipeline, type PipelineEvent } from "./index.ts";
import { envelope, pipelineFromTopics, send } from "./topics-between.fixture.ts";

const POLL = { timeout: 60_000 };
const NARROW = 7_103;
const WIDE = 7_104;

let kafka: SharedKafka;
let target: SharedPostgres;
let holder: pg.Client;
let pipeline: Pipeline | null = null;

beforeAll(async () => {
  [kafka, target] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), target.release()]);
});
beforeEach(async () => {
  holder = new pg.Client({ connectionString: target.url });
  await holder.connect();
});
afterEach(async () => {
  await holder.end();
  await pipeline?.stop().catch(() => undefined);
  pipeline = null;
});

/** Who makes the table waits in front of it, each as long as the lock of its columns is held. */
async function holdBoth(): Promise<void> {
  await holder.query(`SELECT pg_advisory_lock(${NARROW}), pg_advisory_lock(${WIDE})`);
  await target.query(`CREATE FUNCTION public.hold() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_query() LIKE '%"added" text%' THEN PERFORM pg_advisory_xact_lock(${WIDE});
    ELSIF current_query() LIKE '%"raced"%' THEN PERFORM pg_advisory_xact_lock(${NARROW}); END IF; END $$`);
  await target.query(
    "CREATE EVENT TRIGGER hold ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.hold()",
  );
}

/** The locks that somebody waits for. */
const held = async (): Promise<readonly unknown[]> =>
  (
    await target.query(
      "SELECT objid::int AS id FROM pg_locks WHERE locktype = 'advisory' AND NOT granted ORDER BY 1",
    )
  ).map(({ id }) => id);

const rows = (table: string): Promise<readonly Record<string, unknown>[]> =>
  target.query(`SELECT id::int, added FROM public.${table} ORDER BY id`);

const message = (table: string, id: number, partition: 0 | 1, more: object = {}) => ({
  key: { id },
  value: envelope("c", { after: { id, ...more } }, table),
  partition,
});

async function running(topic: string, events: PipelineEvent[]): Promise<Pipeline> {
  const made = await loadPipeline(
    pipelineFromTopics(kafka, target, { name: topic, source: { topic } }),
  );
  pipeline = made;
  void (async () => {
    for await (const event of made.events()) events.push(event);
  })();
  return made;
}

const toldIn = (events: readonly PipelineEvent[]): string =>
  events.flatMap((event) => (event.type === "notice" ? [event.message] : [])).join("\n");

describe("a table of which one partition has a column more", () => {
  it("gets it where the other partition makes the table between the look and the CREATE", async () => {
    const topic = await kafka.createTopic("raced", 2);
    await send(kafka, topic, [message("raced", 1, 0), message("raced", 2, 1, { added: "x" })]);
    await holdBoth();
    const events: PipelineEvent[] = [];
    const raced = await running(topic, events);
    const started = raced.start();
    await expect.poll(held, POLL).toEqual([NARROW, WIDE]);
    await holder.query(`SELECT pg_advisory_unlock(${NARROW})`);
    const isMade = async () =>
      (await target.query("SELECT to_regclass('public.raced')::text AS made"))[0]?.["made"];
    await expect.poll(isMade, POLL).toBe("raced");
    await holder.query(`SELECT pg_advisory_unlock(${WIDE})`);
    await target.query("DROP EVENT TRIGGER hold");
    await started;
    await raced.caughtUp();
    expect(await rows("raced")).toEqual([
      { id: 1, added: null },
      { id: 2, added: "x" },
    ]);
    // To the partition without it the column is no stranger's.
    await raced.stop();
    const again = await running(topic, events);
    await again.start();
    await again.caughtUp();
    expect(again.status().tables.flatMap(({ notices }) => notices)).toEqual([]);
    expect(toldIn(events)).toMatch(/did not have all columns and got them/);
    expect(toldIn(events)).not.toMatch(/has stopped/);
  });

  it("gets it where another one has made the table anew since it was written", async () => {
    const topic = await kafka.createTopic("anew", 2);
    await send(kafka, topic, [message("anew", 1, 0), message("anew", 2, 1, { added: "x" })]);
    const events: PipelineEvent[] = [];
    const raced = await running(topic, events);
    await raced.start();
    await raced.caughtUp();
    // As the partition does that has never seen the column, where somebody has dropped the table.
    await target.query("DROP TABLE public.anew; CREATE TABLE public.anew (id bigint PRIMARY KEY)");
    await send(kafka, topic, [message("anew", 3, 1, { added: "y" }), message("anew", 4, 0)]);
    await expect
      .poll(() => rows("anew"), POLL)
      .toEqual([
        { id: 3, added: "y" },
        { id: 4, added: null },
      ]);
    expect(toldIn(events)).not.toMatch(/has stopped|resync/);
    expect(toldIn(events)).toMatch(/what was read of a topic is not read again/);
  });
});
