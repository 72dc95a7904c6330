/** What a Kafka sink tells beside rows: transactions, shapes, heartbeats, dead letters; and what a resync tells. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import type { Pipeline } from "../../packages/millrace/src/pipeline-handle.ts";
import { Metrics } from "../../packages/millrace/src/observe/metrics.ts";
import { adminOf, createTopic } from "../support/kafka.ts";
import { callToEnd } from "./millrace-call.ts";
import { jsonIn, type KafkaPipeline, kafkaPipeline, type TopicRecord } from "./kafka-pipeline.ts";

let between: KafkaPipeline;
let metrics: Metrics;
beforeEach(async () => {
  between = await kafkaPipeline(
    "CREATE TABLE item (id int PRIMARY KEY, note text); CREATE TABLE other (id int PRIMARY KEY); INSERT INTO item VALUES (1, 'a')",
  );
});
afterEach(() => between[Symbol.asyncDispose]());

interface Told {
  readonly status?: string;
  readonly event_count?: number | null;
  readonly data_collections?: readonly { data_collection: string; event_count: number }[] | null;
  readonly op?: string;
  readonly after?: { readonly id: number } | null;
  readonly transaction?: { readonly id: string; readonly total_order: number } | null;
  readonly source?: Readonly<Record<string, unknown>>;
  readonly tableChanges?: readonly { type: string; id: string }[];
}

async function told(name: string): Promise<readonly Told[]> {
  const records = await between.records(`${between.prefix}${name}`);
  return records.filter(({ value }) => value !== null).map(({ value }) => jsonIn(value) as Told);
}

/** Runs it in here, does something, and ends it. */
async function running(work: (pipeline: Pipeline) => Promise<void>): Promise<void> {
  metrics = new Metrics();
  const pipeline = await loadPipeline(between.file, { metrics });
  await pipeline.start();
  try {
    await pipeline.caughtUp();
    await work(pipeline);
  } finally {
    await pipeline.stop();
  }
}

it("tells transactions with their events, shapes before their rows, and heartbeats, over a restart", async () => {
  const { prefix } = between;
  await between.write({
    sink: {
      "provide.transaction.metadata": true,
      "transaction.topic": `${prefix}tx`,
      "schema-changes.topic": `${prefix}ddl`,
      "heartbeat.topic": `${prefix}beat`,
      "heartbeat.topic.interval": "100ms",
    },
  });
  await running(async (pipeline) => {
    await between.source.query(
      "INSERT INTO item VALUES (2, 'b'), (3, 'c'); INSERT INTO other VALUES (1)",
    );
    await pipeline.caughtUp();
  });
  await between.source.query("ALTER TABLE item ADD more int; INSERT INTO item VALUES (4, 'd', 4)");
  await between.caughtUp();
  const rows = await told("public.item");
  expect(rows.map(({ op, after }) => `${op}${after?.id}`)).toEqual(["r1", "c2", "c3", "c4"]);
  const [loaded, second, third] = rows;
  expect(loaded?.transaction).toBeNull();
  expect([second, third].map((row) => row?.transaction?.total_order)).toEqual([1, 2]);
  const transactions = await told("tx");
  expect(transactions.map(({ status }) => status)).toEqual(["BEGIN", "END", "BEGIN", "END"]);
  expect(transactions[1]).toMatchObject({
    id: second?.transaction?.id,
    event_count: 3,
    data_collections: [
      { data_collection: "public.item", event_count: 2 },
      { data_collection: "public.other", event_count: 1 },
    ],
  });
  const ddl = await told("ddl");
  const shapes = ddl.flatMap(({ tableChanges = [] }) => tableChanges);
  const kinds = shapes.map(({ type, id }) => `${type} ${id.split(".").at(-1)}`);
  expect(kinds.toSorted()).toEqual(['ALTER "item"', 'CREATE "item"', 'CREATE "other"']);
  expect(kinds.at(-1)).toBe('ALTER "item"');
  expect(ddl[0]?.source).toMatchObject({ snapshot: "incremental", lsn: null });
  expect(ddl.at(-1)?.source).toMatchObject({
    snapshot: "false",
    lsn: expect.any(Number) as number,
  });
  expect((await told("beat")).length).toBeGreaterThan(1);
});

describe("a row that its topic does not take", () => {
  const large = "repeat(md5(random()::text), 200)";

  it("is a dead letter with its reason on a topic, found by the command line, and replayed once the topic takes it", async () => {
    const { prefix } = between;
    await between.write({
      tables: "public.item",
      sink: {
        "topic.configs": "max.message.bytes:4000",
        "dead-letters.topic": `${prefix}letters`,
        "dead-letters.max-share": "100%",
      },
    });
    const letters = (): Promise<readonly TopicRecord[]> => between.records(`${prefix}letters`);
    await running(async (pipeline) => {
      await between.source.query(
        `INSERT INTO item VALUES (2, 'b'), (3, ${large}), (4, 'd'), (5, ${large})`,
      );
      await pipeline.caughtUp();
      const standing = pipeline.deadLetters().map(({ keyColumns }) => keyColumns["id"]);
      expect(new Set(standing)).toEqual(new Set(["3", "5"]));
      const list = await callToEnd(["dead-letters", "list", between.file]);
      expect(list.tail()).toContain("MR_SINK_ROW_REFUSED");
      const { text } = await metrics.page();
      expect(text).toMatch(/^millrace_kafka_transactions_total\{.*"committed"\} [1-9]/m);
      expect(text).toMatch(/^millrace_kafka_transactions_total\{.*"aborted"\} [1-9]/m);
      expect(text).toMatch(/^millrace_kafka_batch_bytes_count\{.*\} [1-9]/m);
      const [first] = await letters();
      expect(first?.headers).toMatchObject({
        "__millrace.dead-letter.code": "MR_SINK_ROW_REFUSED",
        "__millrace.dead-letter.op": "c",
        "__millrace.dead-letter.table": "public.item",
      });
      const admin = adminOf(between.bootstrap);
      await admin.incrementalAlterConfigs({
        resources: [
          {
            resourceType: 2,
            resourceName: `${prefix}public.item`,
            configs: [{ name: "max.message.bytes", configOperation: 0, value: "1000000" }],
          },
        ],
      });
      await admin.close();
      const [five] = pipeline.deadLetters().filter(({ keyColumns }) => keyColumns["id"] === "5");
      await pipeline.discardDeadLetters({ ids: [five?.id ?? ""] });
      await expect
        .poll(
          async () => (await pipeline.replayDeadLetters({ all: true }))[0]?.outcome ?? "replayed",
        )
        .toBe("replayed");
      await pipeline.caughtUp();
      expect(pipeline.deadLetters()).toEqual([]);
    });
    const ids = (await told("public.item")).map(({ after }) => after?.id ?? 0);
    expect(ids).toEqual([1, 2, 4, 3]);
    const last = new Map((await letters()).map(({ key, value }) => [String(key), value]));
    expect([...last.values()]).toEqual([null, null]);
  });
});

it("tells a table once more on demand, with a mark by which ghosts are known, and the others go on", async () => {
  await between.write();
  await running(async (pipeline) => {
    await pipeline.resync("public.item");
    await between.source.query("INSERT INTO other VALUES (7)");
    await pipeline.caughtUp();
  });
  const records = await between.recordsOf("item");
  const ops = records.map(({ value, headers }) =>
    value === null ? `end ${headers["__millrace.table"]}` : (jsonIn(value) as Told).op,
  );
  expect(ops).toEqual(["r", "end public.item", "r", "end public.item"]);
  const [first, second] = records.flatMap(
    ({ headers }) => headers["__millrace.generation-end"] ?? [],
  );
  expect(Number(second)).toBeGreaterThan(Number(first));
  expect((await told("public.other")).map(({ op }) => op)).toEqual(["c"]);
});

it("tells only what comes from now on with scan.startup.mode latest-offset", async () => {
  await between.write({ tables: "public.item", source: { "scan.startup.mode": "latest-offset" } });
  await running(async (pipeline) => {
    await between.source.query("INSERT INTO item VALUES (2, 'b')");
    await pipeline.caughtUp();
  });
  const rows = await told("public.item");
  expect(rows.map(({ op, after }) => `${op}${after?.id}`)).toEqual(["c2"]);
});

it("says before a start, and at it, which topic is missing where none may be made, and starts once it is there", async () => {
  await between.write({ tables: "public.item", sink: { create: "never" } });
  const missing = `${between.prefix}public.item`;
  for (const args of [["validate", between.file, "--connect"], between.args()])
    await expect(callToEnd(args)).rejects.toThrow(new RegExp(`there is no topic ${missing}`));
  const admin = adminOf(between.bootstrap);
  await createTopic(admin, missing);
  await admin.close();
  await between.caughtUp();
  expect((await told("public.item")).map(({ op }) => op)).toEqual(["r"]);
});

it("tells tables that share a topic by a mapping apart by their keys, others in topics of their own", async () => {
  const { prefix } = between;
  await between.source.query("CREATE TABLE alone (id int PRIMARY KEY)");
  await between.write({
    sink: {
      "sink.tableId-to-topic.mapping": `public.item:${prefix}both;public.other:${prefix}both`,
    },
  });
  await running(async (pipeline) => {
    await between.source.query(
      "INSERT INTO other VALUES (1); INSERT INTO alone VALUES (1); DELETE FROM item WHERE id = 1; UPDATE other SET id = 2",
    );
    await pipeline.caughtUp();
  });
  const records = await between.records(`${prefix}both`);
  const lines = records
    .filter(({ key }) => key !== null)
    .map(({ key, value }) => {
      const { TableId, id } = jsonIn(key) as { TableId: string; id: number };
      return `${TableId} ${id} ${value === null ? "gone" : (jsonIn(value) as Told).op}`;
    });
  expect(lines).toEqual([
    "public.item 1 r",
    "public.other 1 c",
    "public.item 1 d",
    "public.item 1 gone",
    "public.other 1 d",
    "public.other 1 gone",
    "public.other 2 c",
  ]);
  const keys = (await between.recordsOf("alone")).map(({ key }) => jsonIn(key));
  expect(keys.filter((key) => key !== null)).toEqual([{ id: 1 }]);
  for (const table of ["item", "other"]) expect(await between.recordsOf(table)).toEqual([]);
});
