/** Whose a state topic is, and whether it is all there. */
import { deleteRecordsV2 } from "@platformatic/kafka";
import { expect, it } from "vitest";
import { sharedKafka, type SharedKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt, recordsIn } from "../../kafka/cluster.fixture.ts";
import { LATEST, offsetAt } from "../../kafka/partition.ts";
import { RecordBatchBuilder } from "../../kafka/record-batch.ts";
import { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { systemClock } from "../../model/ports.ts";
import { HeldTask } from "./held-task.fixture.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";

const optionsOf = ({ bootstrap, prefix }: SharedKafka) => sinkOptions(bootstrap, prefix);

async function withSink<T>(kafka: SharedKafka, ask: (sink: KafkaSink) => Promise<T>): Promise<T> {
  const sink = new KafkaSink(optionsOf(kafka), systemClock, Math.random);
  try {
    await sink.open();
    return await ask(sink);
  } finally {
    await sink.close();
  }
}

/** As somebody does who takes the policy away for a while: all but the last `kept` messages are gone. */
async function trim(kafka: SharedKafka, kept: number): Promise<void> {
  const cluster = clusterAt(kafka.bootstrap);
  const topic = `${kafka.prefix}state`;
  try {
    await setPolicy(kafka, "delete");
    const end = await offsetAt(cluster, { topic, partition: 0 }, LATEST, "uncommitted");
    const partitions = [{ partitionIndex: 0, offset: BigInt(end - kept) }];
    const topics = [{ name: topic, partitions }];
    // The leader hears of the policy a moment behind the controller.
    const cut = async (): Promise<void> => {
      await cluster.ask(deleteRecordsV2.api, topics, 10_000);
    };
    await expect.poll(() => cut().then(() => true), { timeout: 60_000 }).toBe(true);
    await setPolicy(kafka, "compact");
  } finally {
    await cluster.close();
  }
}

async function setPolicy({ admin, prefix }: SharedKafka, value: string): Promise<void> {
  const configs = [{ name: "cleanup.policy", configOperation: 0, value } as const];
  const resourceName = `${prefix}state`;
  await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName, configs }] });
}

it("a state topic that another pipeline keeps its positions in is refused at the start and before it, and left as it is", async () => {
  await using kafka = await sharedKafka();
  await using held = await HeldTask.take(optionsOf(kafka), "one");
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  const refused = {
    code: "MR_SINK_REFUSED",
    detail: expect.stringContaining("holds what pipeline one keeps"),
    remedy: expect.stringContaining("a state.topic of its own"),
  };
  await withSink(kafka, async (sink) => {
    const taken = sink.takeOver({ pipeline: "two", task: "0", lanes: 1 });
    await expect(taken).rejects.toMatchObject(refused);
    expect(await sink.previewTakeover("two", ["0"])).toEqual([expect.objectContaining(refused)]);
    const beside = sink.takeOver({ pipeline: "two", task: "1", lanes: 1 });
    await expect(beside).rejects.toMatchObject(refused);
    const cleaned = sink.forgetTask({ pipeline: "two", task: "0" });
    await expect(cleaned).rejects.toMatchObject(refused);
    expect(await sink.previewTakeover("one", ["0"])).toEqual([]);
  });
  await held.commit({ rows: { 1: "b" }, state: { pos: 2 } });
  await using heir = await HeldTask.take(optionsOf(kafka), "one");
  expect(heir.found.state.get("pos")).toBe(2);
});

it("a state topic whose pipeline was taken out of it is the next one's", async () => {
  await using kafka = await sharedKafka();
  await using held = await HeldTask.take(optionsOf(kafka), "one");
  await held.commit({ state: { pos: 1 } });
  expect(await withSink(kafka, (sink) => sink.forgetTask({ pipeline: "one", task: "0" }))).toBe(
    true,
  );
  await using other = await HeldTask.take(optionsOf(kafka), "two");
  expect([...other.found.state]).toEqual([]);
});

it("what an older program kept, without a name, is taken over and named", async () => {
  await using kafka = await sharedKafka();
  const cluster = clusterAt(kafka.bootstrap);
  try {
    await kafka.createTopic("state", 1, { "cleanup.policy": "compact" });
    const older = [
      [["holder", "0"], { version: 1, process: "p", fence: 4 }],
      [["lane", "0", 0], { fence: 4, seq: 7 }],
      [["state", "0", "pos"], 3],
    ];
    await write(kafka, older);
    await using held = await HeldTask.take(optionsOf(kafka), "one");
    expect([held.found.fence, held.found.state.get("pos")]).toEqual([5, 3]);
    const holders = (await recordsIn(cluster, `${kafka.prefix}state`)).filter(
      ([key]) => key === '["holder","0"]',
    );
    expect(holders.at(-1)?.[1]).toContain('"pipeline":"one"');
  } finally {
    await cluster.close();
  }
});

it.each([
  { kept: 0, left: "nothing" },
  { kept: 6, left: "the last commit" },
])(
  "a state topic that was trimmed to $left is not taken for a new pipeline's, until it is given up",
  async ({ kept }) => {
    await using kafka = await sharedKafka();
    {
      await using held = await HeldTask.take(optionsOf(kafka), "one");
      for (let pos = 1; pos < 5; pos++) await held.commit({ state: { pos } });
    }
    await trim(kafka, kept);
    const lost = {
      code: "MR_SINK_LANE_MISSING",
      class: "config",
      detail: expect.stringContaining("has lost its messages before offset"),
      remedy: expect.stringContaining("millrace cleanup --state"),
    };
    await withSink(kafka, async (sink) => {
      const taken = sink.takeOver({ pipeline: "one", task: "0", lanes: 1 });
      await expect(taken).rejects.toMatchObject(lost);
      expect(await sink.previewTakeover("one", ["0"])).toEqual([expect.objectContaining(lost)]);
      expect(await sink.hasLostState("one")).toBe(true);
      expect(await sink.forgetTask({ pipeline: "one", task: "0" })).toBe(true);
      // A look comes no further than what partitions know to be over, a moment behind the answer.
      await expect.poll(() => sink.hasLostState("one"), { timeout: 60_000 }).toBe(false);
    });
    await using heir = await HeldTask.take(optionsOf(kafka), "one");
    expect([...heir.found.state]).toEqual([]);
    await heir.commit({ state: { pos: 1 } });
  },
);

async function write(kafka: SharedKafka, records: readonly (readonly unknown[])[]): Promise<void> {
  const cluster = clusterAt(kafka.bootstrap);
  const producer = new TransactionalProducer(cluster, {
    transactionalId: `${kafka.prefix}older`,
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 20_000,
    acknowledgeTimeoutMs: 10_000,
  });
  const builder = new RecordBatchBuilder();
  for (const record of records) {
    const [key, value] = record.map((part) => Buffer.from(JSON.stringify(part)));
    if (key !== undefined && value !== undefined)
      builder.append(Date.now(), key, key.length, value, value.length, []);
  }
  await producer.initialise();
  await producer.send([{ topic: `${kafka.prefix}state`, partition: 0, builder }]);
  await producer.commit();
  await cluster.close();
}
