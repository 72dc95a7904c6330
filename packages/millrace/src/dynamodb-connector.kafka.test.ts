import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { makeTable, start, type Started } from "../../dynamodb-local/src/testing/clients.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import type { Cluster } from "./kafka/cluster.ts";
import { readTopic } from "./kafka/read-topic.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { pipelineFileOf } from "./pipeline-between.fixture.ts";

let kafka: SharedKafka;
let started: Started;
let cluster: Cluster;
beforeAll(async () => {
  [kafka, started] = await Promise.all([sharedKafka(), start()]);
  cluster = clusterAt(kafka.bootstrap);
});
afterAll(async () => {
  await cluster.close();
  await Promise.all([kafka.release(), started[Symbol.asyncDispose]()]);
});

/** What stands beside the schema in a message of Connect's JSON converter. */
function payloadOf(text: string | null): Readonly<Record<string, unknown>> {
  const message = JSON.parse(text ?? "{}") as { readonly payload?: Record<string, unknown> };
  return message.payload ?? {};
}

/** What a message says in short: its operation, or that it is a tombstone, and the key's id. */
function short([key, value]: readonly [string | null, string | null]): string {
  const op = value === null ? "tombstone" : payloadOf(value)["op"];
  return `${String(op)} ${String(payloadOf(key)["id"])}`;
}

describe("the connector file of kafka-connect-dynamodb", () => {
  it("runs as it is, with the messages that the connector sent", async () => {
    const Tags = [
      { Key: "datalake-ingest", Value: "" },
      { Key: "environment", Value: "dev" },
    ];
    await makeTable(started.dynamodb, "Orders", { Tags });
    const put = (id: string, total: string) =>
      started.dynamodb.putItem({
        TableName: "Orders",
        Item: { id: { S: id }, total: { N: total } },
      });
    await put("1", "9.50");
    const topic = `${kafka.prefix}lake-Orders`;
    const file = pipelineFileOf({
      name: `${kafka.prefix}connector`,
      config: {
        "connector.class": "com.trustpilot.connector.dynamodb.DynamoDBSourceConnector",
        "tasks.max": "10",
        "aws.access.key.id": "test",
        "aws.secret.key": "test",
        "dynamodb.service.endpoint": started.local.url,
        "resource.tagging.service.endpoint": started.local.url,
        "dynamodb.table.whitelist": "",
        "init.sync.delay.period": 0,
        "kafka.topic.prefix": `${kafka.prefix}lake-`,
        "topic.creation.default.partitions": 1,
      },
    });
    const env = { CONNECT_BOOTSTRAP_SERVERS: kafka.bootstrap };
    const pipeline = await loadPipeline(file, { env });
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      await put("2", "1");
      await put("1", "10");
      await started.dynamodb.deleteItem({ TableName: "Orders", Key: { id: { S: "2" } } });
      const told = async () => (await recordsIn(cluster, topic)).map(short);
      await expect.poll(told, { timeout: 60_000 }).toContain("tombstone 2");
      const all = await told();
      expect(all).toContain("r 1");
      expect(all.filter((one) => one.endsWith(" 2"))).toEqual(["c 2", "d 2", "tombstone 2"]);
      const [, last] =
        (await recordsIn(cluster, topic)).findLast((record) => short(record) === "u 1") ?? [];
      expect(payloadOf(last ?? null)).toMatchObject({
        version: "1.0",
        document: '{"id":{"s":"1"},"total":{"n":"10"}}',
        source: {
          version: "1.0",
          table_name: "Orders",
          init_sync: false,
          init_sync_state: "FINISHED",
          init_sync_count: 1,
        },
        op: "u",
      });
    } finally {
      await pipeline.stop();
    }
  });
});

interface PlainRow {
  readonly id: string;
  readonly document: unknown;
}

/** The row that a message tells, whatever format it has; null where it tells that it is gone. */
const ROWS: Readonly<Record<string, (message: unknown) => PlainRow | null>> = {
  "plain-json": (message) => message as PlainRow,
  "debezium-json": (message) => (message as { readonly after: PlainRow | null }).after,
};

describe("tables of DynamoDB in other formats", () => {
  it.each([
    ["plain-json", "dynamodb", { id: { S: "1" }, total: { N: "9.5" }, tags: { SS: ["b", "a"] } }],
    [
      "debezium-json",
      "dynamodb",
      { id: { S: "1" }, total: { N: "9.5" }, tags: { SS: ["b", "a"] } },
    ],
    ["plain-json", "plain", { id: "1", total: 9.5, tags: ["a", "b"] }],
  ])("%s have the key and the whole item, its document as %s JSON", async (format, form, item) => {
    const table = `formats-${format}-${form}`;
    await makeTable(started.dynamodb, table);
    const put = (id: string) =>
      started.dynamodb.putItem({
        TableName: table,
        Item: { id: { S: id }, total: { N: "9.50" }, tags: { SS: ["b", "a"] } },
      });
    await put("1");
    const pipeline = await loadPipeline(
      pipelineFileOf({
        source: {
          type: "dynamodb",
          endpoint: started.local.url,
          "aws.access.key.id": "test",
          "aws.secret.key": "test",
          "dynamodb.table.whitelist": table,
          "init.sync.delay.period": 0,
          "stream.idle.poll.interval": "200ms",
          "document.format": form,
        },
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "value.format": format,
          "kafka.topic.prefix": kafka.prefix,
          "topic.partitions": 1,
        },
        pipeline: { name: `${kafka.prefix}${table}`, parallelism: 1 },
      }),
    );
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      await put("2");
      await started.dynamodb.deleteItem({ TableName: table, Key: { id: { S: "2" } } });
      const records = () => recordsIn(cluster, `${kafka.prefix}${table}`);
      const ofKey = async (id: string) =>
        (await records()).filter(([key]) => (JSON.parse(key ?? "{}") as PlainRow).id === id);
      await expect.poll(async () => (await ofKey("2")).at(-1)?.[1], { timeout: 60_000 }).toBe(null);
      const [[, first] = []] = await ofKey("1");
      const row = ROWS[format]?.(JSON.parse(first ?? "{}")) ?? null;
      const document = row?.document;
      expect(row?.id).toBe("1");
      expect(typeof document === "string" ? JSON.parse(document) : document).toEqual(item);
    } finally {
      await pipeline.stop();
    }
  });
});

/** Offsets of a topic's deletes and tombstones. */
async function offsetsOf(topic: string): Promise<{ deletes: bigint[]; tombstones: bigint[] }> {
  const [deletes, tombstones]: bigint[][] = [[], []];
  const at = { topic, partition: 0 };
  await readTopic(cluster, at, "end", 20_000, (record) => {
    const value = record.value()?.toString() ?? null;
    if (value === null && record.key() !== null) tombstones?.push(BigInt(record.offset));
    else if (payloadOf(value)["op"] === "d") deletes?.push(BigInt(record.offset));
  });
  return { deletes: deletes ?? [], tombstones: tombstones ?? [] };
}

describe("a delete into a topic", () => {
  it("is in one transaction with its tombstone: no end of one stands between them", async () => {
    const ids = ["1", "2", "3"];
    await makeTable(started.dynamodb, "Gone");
    for (const id of ids)
      await started.dynamodb.putItem({ TableName: "Gone", Item: { id: { S: id } } });
    const pipeline = await loadPipeline(
      pipelineFileOf({
        source: {
          type: "dynamodb",
          endpoint: started.local.url,
          "aws.access.key.id": "test",
          "aws.secret.key": "test",
          "dynamodb.table.whitelist": "Gone",
          "init.sync.delay.period": 0,
          "stream.idle.poll.interval": "200ms",
        },
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": kafka.bootstrap,
          "value.format": "dynamodb-envelope",
          "dynamodb-envelope.include-schema.enabled": true,
          "kafka.topic.prefix": `${kafka.prefix}gone-`,
          "topic.partitions": 1,
        },
        pipeline: { name: `${kafka.prefix}gone` },
      }),
    );
    await pipeline.start();
    try {
      await pipeline.caughtUp();
      const topic = `${kafka.prefix}gone-Gone`;
      for (const [index, id] of ids.entries()) {
        await started.dynamodb.deleteItem({ TableName: "Gone", Key: { id: { S: id } } });
        const there = async () => (await offsetsOf(topic)).tombstones.length;
        await expect.poll(there, { timeout: 60_000 }).toBe(index + 1);
      }
      const { deletes, tombstones } = await offsetsOf(topic);
      // What ends a transaction takes an offset: one is between two deletes, and none within one.
      expect(tombstones).toEqual(deletes.map((offset) => offset + 1n));
      for (const [index, tombstone] of tombstones.entries())
        expect(deletes[index + 1] ?? tombstone + 2n).toBeGreaterThan(tombstone + 1n);
    } finally {
      await pipeline.stop();
    }
  });
});
