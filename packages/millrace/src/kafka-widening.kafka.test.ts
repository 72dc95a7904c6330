/** What a start from topics does to targets that lack columns: a partition adds what nobody else may ever bring, and no more. */
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { loadPipeline, type Pipeline, type PipelineEvent } from "./index.ts";
import { clusterAt } from "./kafka/cluster.fixture.ts";
import { SQL_TARGETS, type SqlTarget } from "./sql-target.fixture.ts";
import { envelope, send } from "./topics-between.fixture.ts";

type Section = Readonly<Record<string, unknown>>;

const POLL = { timeout: 60_000 };

let kafka: SharedKafka;
let events: PipelineEvent[] = [];
let count = 0;
const running: Pipeline[] = [];

beforeAll(async () => {
  kafka = await sharedKafka();
});
afterAll(() => kafka.release());
afterEach(async () => {
  for (const pipeline of running.splice(0)) await pipeline.stop().catch(() => undefined);
  events = [];
});

async function loaded(name: string, topic: string, sink: Section): Promise<Pipeline> {
  const source = { type: "kafka", "properties.bootstrap.servers": kafka.bootstrap, topic };
  const group = { "properties.group.id": `${kafka.prefix}${name}` };
  const pipeline = await loadPipeline({
    source: { ...source, ...group },
    sink,
    pipeline: { name },
  });
  running.push(pipeline);
  void (async () => {
    for await (const event of pipeline.events()) events.push(event);
  })();
  return pipeline;
}

async function expectRefused(name: string, topic: string, sink: Section): Promise<void> {
  const pipeline = await loaded(name, topic, sink);
  await pipeline.start().catch(() => undefined);
  // One that is not refused comes to its topic's end.
  const begun = pipeline.caughtUp().catch(() => pipeline.done);
  const ended = Promise.race([pipeline.done, begun]);
  await expect(ended).rejects.toMatchObject({ code: "MR_SINK_SCHEMA" });
  await pipeline.stop().catch(() => undefined);
}

interface Row {
  readonly id: number;
  readonly n?: number;
  readonly more?: string;
}

/** A row of the table in one of two partitions. */
function message(table: string, partition: 0 | 1, after: Row) {
  return { key: { id: after.id }, value: envelope("c", { after }, table), partition };
}

/** So that no partition's task goes on where it is refused. */
function both(table: string, row: Omit<Row, "id">) {
  return [message(table, 0, { id: 1, ...row }), message(table, 1, { id: 2, ...row })];
}

describe.each(SQL_TARGETS)(
  "a target at $kind, at a start from a topic of two partitions",
  ({ start }) => {
    let target: SqlTarget;
    let client: pg.Client;
    let table: string;
    let topic: string;

    beforeAll(async () => {
      target = await start();
      client = new pg.Client({ connectionString: target.url });
      await client.connect();
    });
    afterAll(async () => {
      await client.end();
      await target.release();
    });
    beforeEach(async () => {
      table = `wide_${++count}`;
      topic = await kafka.createTopic(table, 2);
    });

    /** A session that lags behind a schema change is told so, once. */
    async function ask(sql: string): Promise<unknown[]> {
      const answer = await client.query<Record<string, unknown>>(sql).catch((error: unknown) => {
        if (!(error instanceof pg.DatabaseError) || error.code !== "40001") throw error;
        return client.query<Record<string, unknown>>(sql);
      });
      return answer.rows;
    }

    const columns = async (): Promise<string> => {
      const [row] = await ask(
        `SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) AS text
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relname = '${table}' AND a.attnum > 0 AND NOT a.attisdropped`,
      );
      return (row as { text: string }).text;
    };

    it("gets the columns that only one partition brings, and their names are told", async () => {
      await send(kafka, topic, [message(table, 0, { id: 1 })]);
      const pipeline = await loaded(table, topic, target.sink);
      await pipeline.start();
      await pipeline.caughtUp();
      const more = { id: 2, n: 2, more: "x" };
      await send(kafka, topic, [message(table, 1, more)]);
      await expect.poll(columns, POLL).toBe("id bigint, n bigint, more text");
      const told = () => events.some((e) => e.type === "notice" && e.message.endsWith(": n, more"));
      await expect.poll(told, POLL).toBe(true);
      const rows = () => ask(`SELECT id::int, n::int, more FROM ${table} ORDER BY id`);
      await expect.poll(rows, POLL).toEqual([{ id: 1, n: null, more: null }, more]);
    });

    it("is refused where somebody has dropped a column of it", async () => {
      await send(kafka, topic, both(table, { n: 1, more: "x" }));
      const pipeline = await loaded(table, topic, target.sink);
      await pipeline.start();
      await pipeline.caughtUp();
      await expect.poll(() => ask(`SELECT more FROM ${table} ORDER BY 1`), POLL).toHaveLength(2);
      await pipeline.stop();
      await ask(`ALTER TABLE ${table} DROP COLUMN more`);
      await expectRefused(table, topic, target.sink);
      expect(await columns()).toBe("id bigint, n bigint");
    });

    it.each([
      ["holds no value", []],
      ["holds values", ["7, 'mine'"]],
    ])("is left as it is where a column does not fit that %s", async (_what, rows) => {
      await ask(`CREATE TABLE ${table} (id bigint PRIMARY KEY, n text)`);
      for (const row of rows) await ask(`INSERT INTO ${table} VALUES (${row})`);
      await send(kafka, topic, both(table, { n: 1, more: "x" }));
      await expectRefused(table, topic, target.sink);
      expect(await columns()).toBe("id bigint, n text");
    });

    it("is left as it is where nothing may be made", async () => {
      await ask(`CREATE TABLE ${table} (id bigint PRIMARY KEY)`);
      await send(kafka, topic, both(table, { n: 1 }));
      await expectRefused(table, topic, { ...target.sink, create: "never" });
      expect(await columns()).toBe("id bigint");
    });
  },
);

describe("a target topic, at a start from a topic of two partitions", () => {
  it("is not made where nothing may be made", async () => {
    const topic = await kafka.createTopic("narrow", 2);
    const name = `${kafka.prefix}narrow-to`;
    await send(kafka, topic, both("narrow", {}));
    const brokers = { type: "kafka", "properties.bootstrap.servers": kafka.bootstrap };
    const pattern = { "topic.pattern": `${name}-{table}`, create: "never" };
    await expectRefused(name, topic, { ...brokers, ...pattern });
    const cluster = clusterAt(kafka.bootstrap);
    const found = await cluster.topics([`${name}-narrow`]);
    await cluster.close();
    expect(found.get(`${name}-narrow`) ?? null).toBeNull();
  });
});
