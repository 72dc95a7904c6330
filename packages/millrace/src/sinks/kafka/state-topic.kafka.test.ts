import { expect, it } from "vitest";
import { sharedKafka } from "../../../../../test/support/kafka.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import { RecordBatchBuilder } from "../../kafka/record-batch.ts";
import { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import { StateTopic } from "./state-topic.ts";
import { Topics } from "./topics.ts";

/** What is thrown; null where nothing is. */
const thrownBy = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => null,
    (error: unknown) => error,
  );

it("a state topic that was there is never taken for an empty one by a broker that does not know it", async () => {
  await using kafka = await sharedKafka();
  const cluster = clusterAt(kafka.bootstrap);
  const { topics: options, maxRequestBytes } = sinkOptions(kafka.bootstrap, kafka.prefix);
  const topics = new Topics(cluster, options, maxRequestBytes);
  const name = `${kafka.prefix}state`;
  const make = () =>
    new StateTopic(name, cluster, topics, {
      pipeline: "looks",
      replicationFactor: null,
      deliveryTimeoutMs: 300,
    });
  try {
    expect((await make().read("0", "stable")).lanes.size).toBe(0);
    const state = make();
    await state.prepare();
    expect((await state.read("0", "stable")).lanes.size).toBe(0);
    await kafka.admin.deleteTopics({ topics: [name] });
    // Its brokers hear of it a moment later.
    const refused = () => thrownBy(state.read("0", "stable"));
    await expect.poll(refused, { timeout: 60_000 }).toBeInstanceOf(KafkaFault);
  } finally {
    await cluster.close();
  }
});

it("documents of all tasks are not taken for none by a broker that does not know the topic of a task that is held", async () => {
  await using kafka = await sharedKafka();
  const options = { ...sinkOptions(kafka.bootstrap, kafka.prefix), deliveryTimeoutMs: 300 };
  const sink = new KafkaSink(options, systemClock, Math.random);
  try {
    await sink.open();
    expect(await sink.readDocuments("looks", "")).toEqual([]);
    // So short a patience is for the refusals; a first transaction may take a broker longer.
    const takeOver = () => thrownBy(sink.takeOver({ pipeline: "looks", task: "0", lanes: 1 }));
    await expect.poll(takeOver, { timeout: 50_000 }).toBeNull();
    expect(await sink.readDocuments("looks", "")).toEqual([]);
    await kafka.admin.deleteTopics({ topics: [`${kafka.prefix}state`] });
    const refused = () => thrownBy(sink.readDocuments("looks", ""));
    await expect.poll(refused, { timeout: 60_000 }).toBeInstanceOf(MillraceError);
  } finally {
    await sink.close();
  }
});

it("a task neither waits for the open transaction of another one that is dead, nor forgets what stands behind it", async () => {
  await using kafka = await sharedKafka();
  const name = `${kafka.prefix}state`;
  const made = () =>
    new KafkaSink(sinkOptions(kafka.bootstrap, kafka.prefix), systemClock, Math.random);
  const [sink, heir] = [made(), made()];
  const cluster = clusterAt(kafka.bootstrap);
  const task = { pipeline: "beside", task: "alive", lanes: 1 };
  try {
    await sink.open();
    const { fence } = await sink.takeOver(task);
    await openTransactionIn(cluster, name, `${kafka.prefix}dead`);
    const commit = (expectedSeq: number, kept: string) =>
      sink.commit({
        fence,
        lanes: [{ lane: 0, expectedSeq }],
        writes: [],
        state: [{ key: "kept", value: kept }],
        deadLetters: [],
        superseded: [],
      });
    await commit(0, "first");
    await commit(1, "second");
    expect(await sink.readLanes()).toEqual([{ lane: 0, fence, seq: 2 }]);
    await heir.open();
    const found = await heir.takeOver(task);
    expect([found.fence, found.lanes[0]?.seq, found.state.get("kept")]).toEqual([
      fence + 1,
      2,
      "second",
    ]);
  } finally {
    await Promise.all([sink.close(), heir.close(), cluster.close()]);
  }
});

it("who takes over behind the open transaction of another task that is dead does not take its own older self for a stranger", async () => {
  await using kafka = await sharedKafka();
  const made = () =>
    new KafkaSink(sinkOptions(kafka.bootstrap, kafka.prefix), systemClock, Math.random);
  const [sink, heir] = [made(), made()];
  const cluster = clusterAt(kafka.bootstrap);
  const task = { pipeline: "beside", task: "alive", lanes: 1 };
  try {
    await sink.open();
    const { fence } = await sink.takeOver(task);
    await openTransactionIn(cluster, `${kafka.prefix}state`, `${kafka.prefix}dead`);
    await heir.open();
    await heir.takeOver(task);
    // A look comes no further than the transaction that is open.
    expect(await heir.readLanes()).toEqual([{ lane: 0, fence: fence + 1, seq: 0 }]);
  } finally {
    await Promise.all([sink.close(), heir.close(), cluster.close()]);
  }
});

/** As a process leaves it that is killed before its commit; longer than any test waits. */
async function openTransactionIn(cluster: Cluster, topic: string, id: string): Promise<void> {
  const producer = new TransactionalProducer(cluster, {
    transactionalId: id,
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 900_000,
    deliveryTimeoutMs: 20_000,
    acknowledgeTimeoutMs: 10_000,
  });
  const builder = new RecordBatchBuilder();
  const [key, value] = [Buffer.from('["state","dead","kept"]'), Buffer.from('"open"')];
  builder.append(Date.now(), key, key.length, value, value.length, []);
  await producer.initialise();
  await producer.send([{ topic, partition: 0, builder }]);
}
