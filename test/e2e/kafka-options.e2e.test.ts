/** What options of a file do at the brokers: how messages are sent, where they go, what is in them, who the client is. */
import {
  alterClientQuotasV1,
  describeTransactionsV0,
  listTransactionsV0,
} from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  EARLIEST,
  fetchPartition,
  LATEST,
  offsetAt,
} from "../../packages/millrace/src/kafka/partition.ts";
import { BATCH_HEAD_BYTES } from "../../packages/millrace/src/kafka/record-batch.ts";
import { loadPipeline } from "../../packages/millrace/src/load-pipeline.ts";
import { Metrics } from "../../packages/millrace/src/observe/metrics.ts";
import { mysqlFlavors, sharedMysql } from "../support/mysql.ts";
import { SchemaRegistryServer } from "../support/schema-registry.ts";
import { callToEnd } from "./millrace-call.ts";
import { jsonIn, type KafkaPipeline, kafkaPipeline, type TopicRecord } from "./kafka-pipeline.ts";
import { type Section, writePipelineFile } from "./pipeline-file.ts";

const ROWS = 60;

let between: KafkaPipeline;
beforeEach(async () => {
  between = await kafkaPipeline(
    `CREATE TABLE item (a int, b int, note text, PRIMARY KEY (a, b));
     CREATE TABLE other (id int PRIMARY KEY);
     INSERT INTO item SELECT i % 6, i, repeat('x', 50) FROM generate_series(1, ${ROWS}) i;
     INSERT INTO other SELECT generate_series(1, ${ROWS})`,
  );
});
afterEach(() => between[Symbol.asyncDispose]());

/** Runs the file, in here, until it has caught up. */
async function catchUp(metrics = new Metrics()): Promise<void> {
  const pipeline = await loadPipeline(between.file, { metrics });
  await pipeline.start();
  try {
    await pipeline.caughtUp();
  } finally {
    await pipeline.stop();
  }
}

/** Runs a file with these options until it has caught up. */
async function run(sink: Section): Promise<void> {
  await between.write({ sink });
  await catchUp();
}

/** Messages of rows in a table's topic, without marks of loads. */
async function rowsOf(table: string): Promise<readonly TopicRecord[]> {
  return (await between.recordsOf(table)).filter(({ key }) => key !== null);
}

function partitionsOf(records: readonly TopicRecord[]): readonly number[] {
  return [...new Set(records.map(({ partition }) => partition))].toSorted((a, b) => a - b);
}

/** What the broker keeps of a topic's only partition, batch by batch. */
interface KeptBatch {
  readonly compression: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly records: number;
}

async function batchesOf(table: string): Promise<readonly KeptBatch[]> {
  const { cluster, prefix } = between;
  const at = { topic: `${prefix}public.${table}`, partition: 0 };
  cluster.forgetTopic(at.topic);
  const [first, end] = await Promise.all(
    [EARLIEST, LATEST].map((where) => offsetAt(cluster, at, where, "uncommitted")),
  );
  const limits = { maxWaitMs: 100, maxBytes: 8 * 2 ** 20 };
  const { records } = await fetchPartition(cluster, at, first ?? 0, limits);
  const found: KeptBatch[] = [];
  let last = -1;
  for (let start = 0; start + BATCH_HEAD_BYTES <= records.length;) {
    const attributes = records.readInt16BE(start + 21);
    found.push({
      compression: attributes & 7,
      isTransactional: (attributes & 0x10) !== 0,
      isControl: (attributes & 0x20) !== 0,
      records: records.readInt32BE(start + 57),
    });
    last = Number(records.readBigInt64BE(start)) + records.readInt32BE(start + 23);
    start += 12 + records.readInt32BE(start + 8);
  }
  expect(last + 1).toBe(end);
  return found;
}

describe("the partition of a message", () => {
  const three = { "topic.partitions": 3 };

  it("goes by the key where nothing else is said", async () => {
    await run(three);
    expect(partitionsOf(await rowsOf("item"))).toEqual([0, 1, 2]);
    expect(partitionsOf(await rowsOf("other"))).toEqual([0, 1, 2]);
  });

  it("is the first one with partition.strategy all-to-zero", async () => {
    await run({ ...three, "partition.strategy": "all-to-zero" });
    for (const table of ["item", "other"]) {
      const rows = await rowsOf(table);
      expect(rows).toHaveLength(ROWS);
      expect(partitionsOf(rows)).toEqual([0]);
    }
  });

  it("is one for each table with partition.strategy table, whatever its keys are", async () => {
    const topic = `${between.prefix}all`;
    const mapping = `public.item:${topic};public.other:${topic}`;
    await run({
      "topic.partitions": 16,
      "partition.strategy": "table",
      "sink.tableId-to-topic.mapping": mapping,
    });
    const rows = (await between.records(topic)).filter(({ key }) => key !== null);
    const partitions = ["public.item", "public.other"].map((table) =>
      partitionsOf(
        rows.filter(({ key }) => (jsonIn(key) as { TableId: string }).TableId === table),
      ),
    );
    expect(partitions).toEqual([[expect.any(Number)], [expect.any(Number)]]);
    expect(partitions[0]).not.toEqual(partitions[1]);
  });

  it("goes by some of the key's columns with partition.strategy columns", async () => {
    await between.source.query("DROP TABLE other");
    await run({ ...three, "partition.strategy": "columns: a" });
    const rows = await rowsOf("item");
    const byColumn = Map.groupBy(rows, ({ key }) => (jsonIn(key) as { a: number }).a);
    expect(byColumn.size).toBe(6);
    for (const group of byColumn.values()) expect(partitionsOf(group)).toHaveLength(1);
    expect(partitionsOf(rows).length).toBeGreaterThan(1);
  });
});

describe("how messages are sent", () => {
  it("is within transactions, uncompressed, where nothing is said", async () => {
    await run({});
    const batches = await batchesOf("item");
    expect(batches.some(({ isControl }) => isControl)).toBe(true);
    for (const batch of batches)
      expect(batch).toMatchObject({ isTransactional: true, compression: 0 });
  });

  it("is without transactions with sink.delivery-guarantee at-least-once, each row there once where nothing fails", async () => {
    await run({ "sink.delivery-guarantee": "at-least-once" });
    await between.source.query("UPDATE item SET note = 'new' WHERE b = 1");
    await catchUp();
    for (const batch of await batchesOf("item"))
      expect(batch).toMatchObject({ isTransactional: false, isControl: false });
    const rows = await rowsOf("item");
    expect(new Set(rows.map(({ key }) => String(key))).size).toBe(ROWS);
    expect(rows).toHaveLength(ROWS + 1);
  });

  it.each([
    ["gzip", 1],
    ["snappy", 2],
    ["lz4", 3],
    ["zstd", 4],
  ])("is compressed with properties.compression.type %s", async (type, compression) => {
    await run({ "properties.compression.type": type });
    // One message by itself, such as a load's end, may be smaller without.
    const batches = (await batchesOf("item")).filter(({ records }) => records > 1);
    expect(new Set(batches.map((batch) => batch.compression))).toEqual(new Set([compression]));
    expect(await rowsOf("item")).toHaveLength(ROWS);
  });

  it("is in parts with sink.transaction.max-bytes, where a transaction of the source is larger", async () => {
    const ends = async (): Promise<number> =>
      (await batchesOf("item")).filter(({ isControl }) => isControl).length;
    await run({ "batch-size": 1000 });
    const change = "UPDATE item SET note = repeat('y', 6000)";
    const before = await ends();
    await between.source.query(change);
    await catchUp();
    const whole = (await ends()) - before;
    await between.write({
      sink: {
        "batch-size": 1000,
        "sink.transaction.max-bytes": "64kb",
        "properties.max.request.size": "32kb",
      },
    });
    await between.source.query(change);
    await catchUp();
    // 60 rows of 6,000 bytes, of which 64 KiB hold ten.
    expect((await ends()) - before - whole).toBeGreaterThanOrEqual(6);
    expect(whole).toBeLessThanOrEqual(2);
  });

  it("is under sink.transaction.timeout, as the coordinator has heard it", async () => {
    await run({ "sink.transaction.timeout": "77s" });
    const { cluster, name } = between;
    const { transactionStates: all } = await cluster.ask(listTransactionsV0.api, [], [], -1n, null);
    const ids = all.map(({ transactionalId }) => transactionalId).filter((id) => id.includes(name));
    expect(ids).not.toEqual([]);
    const { transactionStates } = await cluster.ask(describeTransactionsV0.api, ids);
    for (const { transactionTimeoutMs } of transactionStates)
      expect(transactionTimeoutMs).toBe(77_000);
  });

  it("is by properties.client.id, which a quota holds back and no other client", async () => {
    const { cluster, prefix } = between;
    const clientId = `${prefix}slow`;
    const entities = [{ entityType: "client-id" as const, entityName: clientId }];
    const quota = { key: "producer_byte_rate", value: 1000, remove: false } as const;
    await cluster.askController(alterClientQuotasV1.api, [{ entities, ops: [quota] }], false);
    const heldS = async (sink: Section): Promise<number> => {
      await between.write({ sink });
      await between.source.query("UPDATE item SET note = repeat('z', 100)");
      const metrics = new Metrics();
      await catchUp(metrics);
      const { text } = await metrics.page();
      const [, told = "0"] =
        /^millrace_kafka_throttled_seconds_total(?:\{.*\})? (\S+)$/m.exec(text) ?? [];
      return Number(told);
    };
    expect(await heldS({})).toBe(0);
    expect(await heldS({ "properties.client.id": clientId })).toBeGreaterThan(0);
  });
});

describe("what is in a message", () => {
  it("is followed by a tombstone where a row was deleted, unless tombstones.on.delete is false", async () => {
    const deleted = async (sink: Section): Promise<readonly (string | null)[]> => {
      await run(sink);
      await between.source.query("DELETE FROM other WHERE id = (SELECT min(id) FROM other)");
      await catchUp();
      const rows = await rowsOf("other");
      const last = rows.at(-1)?.key?.toString();
      return rows
        .filter(({ key }) => String(key) === last)
        .map(({ value }) => (jsonIn(value) as { op: string } | null)?.op ?? null);
    };
    expect(await deleted({})).toEqual(["r", "d", null]);
    expect(await deleted({ "tombstones.on.delete": false })).toEqual(["r", "d"]);
  });

  it("has the headers of sink.custom-header and of sink.add-tableId-to-header-enabled", async () => {
    await run({ "topic.pattern": `${between.prefix}bare.{table}` });
    const [bare] = await between.records(`${between.prefix}bare.item`);
    expect(bare?.headers).toEqual({});
    await callToEnd(["cleanup", between.file, "--state"]);
    await run({
      "sink.custom-header": "region:eu,team:shop",
      "sink.add-tableId-to-header-enabled": true,
    });
    const rows = await rowsOf("item");
    expect(rows).toHaveLength(ROWS);
    for (const { headers } of rows)
      expect(headers).toMatchObject({
        region: "eu",
        team: "shop",
        schemaName: "public",
        tableName: "item",
      });
  });

  it("has unavailable.value.placeholder for what neither the log nor the source holds", async () => {
    await between.source.query(
      "CREATE TABLE doc (id int PRIMARY KEY, n int, body text); ALTER TABLE doc ALTER body SET STORAGE EXTERNAL; INSERT INTO doc VALUES (1, 0, repeat('x', 10000))",
    );
    const sink = { "unavailable.value.placeholder": "not-told" };
    await run(sink);
    await between.source.query("UPDATE doc SET n = 1; DELETE FROM doc");
    await catchUp();
    const told = (await rowsOf("doc")).map(({ value }) => jsonIn(value));
    expect(told[1]).toMatchObject({ op: "u", after: { id: 1, n: 1, body: "not-told" } });
  });

  it("has a bigint unsigned whole with bigint.unsigned.handling.mode precise, which long does not hold", async () => {
    const [flavor] = mysqlFlavors;
    await using source = await sharedMysql(flavor);
    await source.query("CREATE TABLE counted (id int PRIMARY KEY, n bigint unsigned)");
    await source.query("INSERT INTO counted VALUES (1, 7), (2, 18446744073709551615)");
    const told = async (mode: string): Promise<readonly unknown[]> => {
      const topic = `${between.prefix}${mode}`;
      await writePipelineFile({
        path: between.file,
        name: `${between.prefix}${mode}`,
        sourceUrl: source.url,
        tables: "counted",
        sink: {
          type: "kafka",
          "properties.bootstrap.servers": between.bootstrap,
          topic,
          "topic.partitions": 1,
          "bigint.unsigned.handling.mode": mode,
          "dead-letters.max-share": "100%",
        },
      });
      await catchUp();
      const rows = (await between.records(topic)).filter(({ value }) => value !== null);
      return rows.map(({ value }) => (jsonIn(value) as { after: { n: unknown } }).after.n);
    };
    expect(await told("long")).toEqual([7]);
    expect(await told("precise")).toEqual(["Bw==", "AP//////////"]);
  });
});

describe("schemas of Avro", () => {
  const AVRO = { "value.format": "avro", "key.format": "avro" };

  it("are asked for with schema.registry.token, by the names of the strategy, and not registered where the file says so", async () => {
    const registry = await SchemaRegistryServer.start();
    try {
      registry.authorization = "Bearer s3cret";
      const own = {
        ...AVRO,
        "schema.registry.url": registry.url,
        "schema.registry.token": "s3cret",
      };
      const strategy = { "schema.registry.subject.name.strategy": "RecordNameStrategy" };
      await between.write({
        sink: { ...own, ...strategy, "schema.registry.auto.register": false },
      });
      await expect(catchUp()).rejects.toMatchObject({
        code: expect.stringMatching(/^MR_REGISTRY/),
      });
      expect(registry.subjects).toEqual([]);
      await run({ ...own, ...strategy });
      expect(registry.subjects).toEqual(
        ["item", "other"].flatMap((table) =>
          ["Envelope", "Key"].map((record) => `shop.public.${table}.${record}`),
        ),
      );
      await callToEnd(["cleanup", between.file, "--state"]);
      // What is registered is found, and nothing is added.
      const before = registry.requests.length;
      await run({ ...own, ...strategy, "schema.registry.auto.register": false });
      const since = registry.requests.slice(before);
      expect(since).not.toEqual([]);
      expect(since.filter((request) => request.endsWith("/versions"))).toEqual([]);
    } finally {
      await registry.close();
    }
  });
});
