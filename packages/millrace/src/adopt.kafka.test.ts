import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  makeTable,
  readStream,
  shardsOf,
  start,
  type Started,
} from "../../dynamodb-local/src/testing/clients.ts";
import { type SharedKafka, sharedKafka } from "../../../test/support/kafka.ts";
import { adopt } from "./adopt.ts";
import { clusterAt, recordsIn } from "./kafka/cluster.fixture.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { send } from "./topics-between.fixture.ts";

let kafka: SharedKafka;
let aws: Started;
let folder: string;
beforeAll(async () => {
  [kafka, aws, folder] = await Promise.all([
    sharedKafka(),
    start(),
    mkdtemp(join(tmpdir(), "millrace-adopt-")),
  ]);
});
afterAll(async () => {
  await Promise.all([kafka.release(), aws[Symbol.asyncDispose](), rm(folder, { recursive: true })]);
});

interface Message {
  readonly key: unknown;
  readonly value: Readonly<Record<string, unknown>> | null;
}

/** Messages of a table's topic, as they are in one partition. */
async function messagesOf(table: string): Promise<Message[]> {
  const cluster = clusterAt(kafka.bootstrap);
  try {
    const records = await recordsIn(cluster, `${kafka.prefix}dynamodb-${table}`);
    return records.flatMap(([key, value]) =>
      // The end of a generation is a message without key.
      key === null ? [] : [{ key: JSON.parse(key), value: JSON.parse(value ?? "null") }],
    );
  } finally {
    await cluster.close();
  }
}

function pipeline(name: string, tables: readonly string[]) {
  return {
    source: {
      type: "dynamodb",
      endpoint: aws.local.url,
      "aws.region": "eu-west-1",
      "aws.access.key.id": "test",
      "aws.secret.key": "test",
      "dynamodb.table.whitelist": tables.join(","),
      "init.sync.delay.period": "0",
      "stream.idle.poll.interval": "200ms",
    },
    sink: {
      type: "kafka",
      "properties.bootstrap.servers": kafka.bootstrap,
      "value.format": "dynamodb-envelope",
      "kafka.topic.prefix": `${kafka.prefix}dynamodb-`,
      "state.topic": `${kafka.prefix}${name}-state`,
      "topic.partitions": "1",
    },
    pipeline: { name: `${kafka.prefix}${name}` },
  };
}

async function put(table: string, id: string): Promise<void> {
  await aws.dynamodb.putItem({ TableName: table, Item: { id: { S: id }, n: { N: "1" } } });
}

/** A lease of KCL's: what its table has of a shard. */
async function lease(table: string, shard: string, checkpoint: string): Promise<void> {
  const TableName = `datalake-KCL-${table}`;
  await makeTable(aws.dynamodb, TableName, {
    AttributeDefinitions: [{ AttributeName: "leaseKey", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "leaseKey", KeyType: "HASH" }],
    StreamSpecification: { StreamEnabled: false },
  });
  const Item = {
    leaseKey: { S: shard },
    checkpoint: { S: checkpoint },
    checkpointSubSequenceNumber: { N: "0" },
    leaseCounter: { N: "77" },
    leaseOwner: { S: `datalake-KCL-${table}-worker-task-1` },
    ownerSwitchesSinceCheckpoint: { N: "0" },
  };
  await aws.dynamodb.putItem({ TableName, Item });
}

function offset(table: string, more: object): object {
  const own = { version: "1.0", table_name: table, ...more };
  return { partition: { table_name: table }, offset: own };
}

const ops = (messages: readonly Message[]) =>
  messages.map(({ key, value }) => `${String(value?.["op"] ?? "-")} ${JSON.stringify(key)}`);

describe("tables of Trustpilot's connector", () => {
  it("go on in SYNC behind its leases, or with their Scan, and are not taken over twice", async () => {
    const done = await makeTable(aws.dynamodb, "done");
    await put("done", "a");
    await put("done", "b");
    const [, read] = await readStream(aws.streams, done);
    const [shard] = await shardsOf(aws.streams, done);
    await lease("done", shard?.ShardId ?? "", read?.dynamodb?.SequenceNumber ?? "");
    await put("done", "c");
    await aws.dynamodb.deleteItem({ TableName: "done", Key: { id: { S: "a" } } });

    const half = await makeTable(aws.dynamodb, "half");
    for (const id of ["x", "y", "z"]) await put("half", id);
    const [open] = await shardsOf(aws.streams, half);
    await lease("half", open?.ShardId ?? "", "TRIM_HORIZON");
    const { LastEvaluatedKey } = await aws.dynamodb.scan({ TableName: "half", Limit: 1 });
    const scanned = LastEvaluatedKey?.["id"]?.S ?? "";
    await makeTable(aws.dynamodb, "bare");

    // Behind the making of their streams.
    const startMs = Date.now();
    const finished = {
      init_sync_state: "FINISHED",
      init_sync_start: startMs,
      init_sync_end: startMs + 5,
      init_sync_count: 2,
    };
    const offsets = [
      offset("done", finished),
      offset("half", {
        init_sync_state: "RUNNING",
        init_sync_start: startMs,
        init_sync_count: 1,
        exclusive_start_key: JSON.stringify({ id: { s: scanned } }),
      }),
      offset("bare", finished),
      offset("other", finished),
    ];
    const file = join(folder, "offsets.json");
    await writeFile(file, JSON.stringify({ offsets }));
    const config = pipeline("adopted", ["done", "half", "bare"]);

    const expected = [
      { table: "done", outcome: "adopted", state: "SYNC" },
      { table: "half", outcome: "adopted", state: "INIT_SYNC" },
      { table: "bare", outcome: "left", state: null },
      { table: "other", outcome: "not-chosen", state: null },
    ];
    expect(await adopt(config, { offsets: file, dryRun: true })).toMatchObject(expected);
    // Broken off behind its first table: the same command does the rest.
    const begun = join(folder, "begun.json");
    await writeFile(begun, JSON.stringify({ offsets: offsets.slice(0, 1) }));
    expect(await adopt(config, { offsets: begun })).toMatchObject(expected.slice(0, 1));
    const [, ...rest] = expected;
    const known = {
      outcome: "refused",
      why: expect.stringContaining("has state of it already") as string,
    };
    expect(await adopt(config, { offsets: file })).toMatchObject([known, ...rest]);
    const again = await adopt(config, { offsets: file });
    expect(again.map(({ outcome }) => outcome)).toEqual([
      "refused",
      "refused",
      "left",
      "not-chosen",
    ]);

    const run = await loadPipeline(config);
    await run.start();
    try {
      await run.caughtUp();
      const loads = run.status().tables.map(({ id, rowsLoaded }) => [id, rowsLoaded]);
      // One before, and two behind it.
      expect(loads).toContainEqual([expect.stringMatching(/half$/), 3]);
    } finally {
      await run.stop();
    }
    const followed = await messagesOf("done");
    expect(ops(followed)).toEqual(['c {"id":"c"}', 'd {"id":"a"}', '- {"id":"a"}']);
    expect(followed[0]?.value?.["source"]).toMatchObject({
      table_name: "done",
      init_sync: false,
      init_sync_state: "FINISHED",
      init_sync_start: startMs,
      init_sync_end: startMs + 5,
      init_sync_count: 2,
    });
    const half2 = ops(await messagesOf("half"));
    const loaded = half2.filter((each) => each.startsWith("r ")).toSorted();
    const others = ["x", "y", "z"].filter((id) => id !== scanned);
    expect(loaded).toEqual(others.map((id) => `r {"id":"${id}"}`));
    expect(half2.filter((each) => each.startsWith("c ")).length).toBe(3);
  });

  it("are found in Connect's offsets topic too", async () => {
    const topic = await kafka.createTopic("offsets", 2);
    const finished = { init_sync_state: "FINISHED", init_sync_start: 1 };
    await send(kafka, topic, [
      { key: ["other", { table_name: "bare" }], value: finished },
      { key: ["mine", { table_name: "bare" }], value: finished, partition: 1 },
    ]);
    const config = pipeline("from-topic", ["bare"]);
    const from = { offsets: `topic:${topic}` };
    await expect(adopt(config, from)).rejects.toThrow("both have offsets of table bare");
    const [bare] = await adopt(config, { ...from, connector: "mine" });
    expect(bare).toMatchObject({ table: "bare", outcome: "left" });
    const none = { offsets: `topic:${kafka.prefix}none` };
    await expect(adopt(config, none)).rejects.toThrow("there is no topic");
  });

  it("are refused where nothing of them is at the sink", async () => {
    const { source, pipeline: named } = pipeline("elsewhere", ["done"]);
    const sink = { type: "jsonl", path: join(folder, "out.jsonl") };
    const config = { source, sink, pipeline: named };
    await expect(adopt(config, { offsets: "unread" })).rejects.toThrow("MR_SOURCE_REFUSED");
  });
});
