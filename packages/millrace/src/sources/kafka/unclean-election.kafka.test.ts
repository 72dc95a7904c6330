/** A partition that goes on from before what was read: its leader was elected though it lacked acknowledged messages. */
import { createTopicsV7 } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { LATEST, offsetAt } from "../../kafka/partition.ts";
import { RecordBatchBuilder } from "../../kafka/record-batch.ts";
import { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { systemClock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import { PartitionLog } from "./log.ts";
import type { MessageItems } from "./message-items.ts";
import { ReadEpochs } from "./read-epochs.ts";
import { partitionSource } from "./partition-source.fixture.ts";
import { behind, epochOf, nextOffset } from "./position.ts";

const TOPIC = "orders";
const READING = { tables: new Map(), maxValueBytes: 1_000 };
const AT = { topic: TOPIC, partition: 0 };

let kafka: KafkaCluster;
let cluster: Cluster;
beforeAll(async () => {
  kafka = await startKafka({ brokers: 3 });
  cluster = clusterAt(kafka.bootstrap);
});
afterAll(async () => {
  await cluster.close();
  await kafka.stop();
});

const items: Partial<MessageItems> = { add: () => "done", recall: () => undefined };

function logFrom(from: Position, topicId: string, epochs: ReadEpochs): PartitionLog {
  return new PartitionLog({
    cluster,
    at: AT,
    from,
    items: items as MessageItems,
    clock: systemClock,
    fetchBytes: 1_048_576,
    fetchWaitMs: 50,
    mayPass: () => false,
    told: () => undefined,
    fetched: () => undefined,
    acknowledged: () => undefined,
    topicIdNow: () => Promise.resolve(topicId),
    topicId,
    epochs,
  });
}

/** Its own producer each time, as `count` messages of one batch. */
async function write(count: number, name: string): Promise<void> {
  const producer = new TransactionalProducer(cluster, {
    transactionalId: name,
    transactional: false,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 60_000,
    acknowledgeTimeoutMs: 10_000,
  });
  const builder = new RecordBatchBuilder();
  for (let n = 0; n < count; n++)
    builder.append(Date.now(), Buffer.from("k"), 1, Buffer.from("v"), 1, []);
  await producer.initialise();
  await producer.send([{ ...AT, builder }]);
}

it("is a loss for a process that goes on reading and for one that starts, also where it is longer than before", async () => {
  const topic = {
    name: TOPIC,
    numPartitions: -1,
    replicationFactor: -1,
    assignments: [{ partitionIndex: 0, brokerIds: [3, 2] }],
    configs: [
      { name: "unclean.leader.election.enable", value: "true" },
      { name: "min.insync.replicas", value: "1" },
    ],
  };
  await cluster.askController(createTopicsV7.api, [topic], 30_000, false);
  const topicId = (await cluster.topics([TOPIC])).get(TOPIC)?.id ?? "";
  await write(80, "before");
  await kafka.kill(2);
  await write(20, "cut");
  const epochs = new ReadEpochs();
  const log = logFrom(behind(0), topicId, epochs);
  let kept: Position = behind(0);
  const read = async (): Promise<number> => nextOffset((kept = (await log.next()).position));
  await expect.poll(read, { timeout: 60_000, interval: 0 }).toBe(100);
  await log.close();
  await kafka.kill(3);
  await kafka.start(2);
  const end = (): Promise<number> => offsetAt(cluster, AT, LATEST, "uncommitted").catch(() => -1);
  await expect.poll(end, { timeout: 120_000 }).toBe(80);
  await write(50, "behind");
  expect(await end()).toBe(130);
  const loss = {
    code: "MR_SOURCE_LOSS",
    detail: expect.stringContaining("was cut at offset 80"),
  };
  // The next run of the process, however long it takes until there is one; and one whose partition was cut behind its start.
  for (const next of [
    logFrom(behind(100), topicId, epochs),
    logFrom(kept, topicId, new ReadEpochs()),
  ]) {
    await expect(next.next()).rejects.toMatchObject(loss);
    await next.close();
  }
  const started = partitionSource(kafka.bootstrap, TOPIC);
  try {
    const history = { topic: topicId };
    await expect(started.prepare([], kept, { history })).rejects.toMatchObject(loss);
    await expect(started.checkLog(kept, history)).rejects.toMatchObject(loss);
    // What is left, and what a program kept that wrote no epochs.
    const left = behind(80, epochOf(kept));
    for (const known of [left, behind(100)])
      expect((await started.prepare([], known, { history })).start).toEqual(known);
    // A lane of the one before had more than was written down for all: what stands there now would pass for applied.
    const from = behind(50, epochOf(kept));
    const opened = started.openLog({ from, ahead: [from, kept, left], ...READING });
    await expect(opened).rejects.toMatchObject(loss);
    await (await started.openLog({ from, ahead: [from, left], ...READING })).close();
    const newer = behind(100, epochOf(kept) + 100);
    await expect(started.prepare([], newer, { history })).rejects.toThrow(
      /no message of leader epoch/,
    );
  } finally {
    await started.close();
  }
}, 240_000);
