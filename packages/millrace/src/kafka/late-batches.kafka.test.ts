/**
 * Batches that come to their broker behind the end of their transaction. Brokers here do not look for the transaction of a batch,
 * as those before 3.6, and epochs are not one for each transaction, as before 4.0: what is late there is of the next transaction.
 */
import { setImmediate as turn } from "node:timers/promises";
import { createTopicsV7 } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../test/support/kafka.ts";
import { PassingClock } from "../sinks/kafka/passing-clock.fixture.ts";
import { clusterAt, recordsIn } from "./cluster.fixture.ts";
import type { Cluster } from "./cluster.ts";
import { comeBetween, type Way } from "./come-between.fixture.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { topicEnds } from "./partition.ts";
import { RecordBatchBuilder } from "./record-batch.ts";
import { TransactionalProducer } from "./transactional-producer.ts";
import type { ProduceAnswer } from "./wire.ts";

/** Longer than any transaction may be open. */
const LONG_MS = 300_000;
const PATIENT = { timeout: 60_000 };

let kafka: KafkaCluster;
let cluster: Cluster;
const clock = new PassingClock();
beforeAll(async () => {
  const settings = { "transaction.partition.verification.enable": "false" };
  kafka = await startKafka({ brokers: 2, settings });
  cluster = clusterAt(kafka.bootstrap, { transactionsV2: false, clock });
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await cluster.close();
  await kafka.stop();
});

/** Partition 0 is at the first broker, partition 1 at the second. */
async function topicOf(name: string): Promise<string> {
  const assignments = [1, 2].map((node, partitionIndex) => ({ partitionIndex, brokerIds: [node] }));
  const topic = { name, numPartitions: -1, replicationFactor: -1, configs: [], assignments };
  await cluster.askController(createTopicsV7.api, [topic], 30_000, false);
  return name;
}

/** It has written to the topic before, so that brokers know of both. */
async function producer(name: string): Promise<TransactionalProducer> {
  const made = new TransactionalProducer(cluster, {
    transactionalId: name,
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 50_000,
    acknowledgeTimeoutMs: 10_000,
  });
  await made.initialise();
  await made.send([batch(name, 0, "before"), batch(name, 1, "before")]);
  await made.commit();
  return made;
}

function batch(topic: string, partition: number, value: string) {
  const builder = new RecordBatchBuilder();
  const bytes = Buffer.from(value);
  builder.append(Date.now(), bytes, bytes.length, bytes, bytes.length, []);
  return { topic, partition, builder };
}

/** How each Produce goes, in their order. */
function produces(...ways: Way<ProduceAnswer>[]): void {
  const left = [...ways];
  comeBetween({ produce: () => left.shift() });
}

/** What readers see behind another transaction of it. */
async function seenBehindNext(topic: string, next: TransactionalProducer): Promise<unknown[]> {
  if (!next.isInitialised) await next.initialise();
  clock.pass(LONG_MS);
  await next.send([batch(topic, 0, "of the next one")]);
  await next.commit();
  return (await recordsIn(cluster, topic, 0)).map(([, value]) => value);
}

it("none is on its way to one broker when a transaction ends that another one was too slow for", async () => {
  const topic = await topicOf("beside");
  const own = await producer("beside");
  const aborted = Promise.withResolvers<void>();
  let isGivenUp = false;
  const arrived: Promise<ProduceAnswer>[] = [];
  produces(
    async (ask) => ({ ...(await ask()), throttledMs: LONG_MS }),
    // Long on its way: where it is not waited for, until its transaction has ended.
    async (ask) => {
      for (let turns = 0; turns < 100; turns++) await turn();
      if (isGivenUp) await aborted.promise;
      arrived.push(ask());
      return arrived[0] ?? ask();
    },
  );
  await own.send([batch(topic, 1, "first")]);
  const both = own.send([batch(topic, 0, "taken back"), batch(topic, 1, "taken back")]);
  both.catch(() => (isGivenUp = true));
  await expect(both).rejects.toMatchObject({ kind: "slow" });
  await own.abort();
  // Its first partition knows that it has ended, too: what comes now is of the next one. "before" and its end are in front of it.
  await expect.poll(() => topicEnds(cluster, topic, 1), PATIENT).not.toEqual([2]);
  aborted.resolve();
  await expect.poll(() => arrived.length, PATIENT).toBe(1);
  await Promise.allSettled(arrived);
  expect(await seenBehindNext(topic, own)).toEqual(["before", "of the next one"]);
});

it("one whose connection was lost is refused, whenever it comes", async () => {
  const topic = await topicOf("lost");
  const own = await producer("lost");
  let arrive: (() => Promise<ProduceAnswer>) | null = null;
  produces(async (ask) => {
    arrive = ask;
    clock.pass(46_000);
    throw new KafkaFault("connection", "ECONNRESET", "the connection was lost");
  });
  await expect(own.send([batch(topic, 0, "taken back")])).rejects.toMatchObject({ kind: "slow" });
  await own.abort();
  await own.initialise();
  const late = await (arrive as (() => Promise<ProduceAnswer>) | null)?.();
  expect(late?.partitions.map(({ errorCode }) => errorCode)).not.toEqual([0]);
  expect(await seenBehindNext(topic, own)).toEqual(["before", "of the next one"]);
});
