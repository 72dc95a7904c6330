/** How large requests are, where brokers hang up on those that are larger than their `socket.request.max.bytes`. */
import { createTopicsV7 } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../test/support/kafka.ts";
import { clusterAt, recordsIn } from "./cluster.fixture.ts";
import type { Cluster } from "./cluster.ts";
import { RecordBatchBuilder } from "./record-batch.ts";
import { TransactionalProducer } from "./transactional-producer.ts";

const SOCKET_BYTES = 1_500_000;
const PARTITIONS = [0, 1, 2, 3];
const settings = {
  "socket.request.max.bytes": String(SOCKET_BYTES),
  "message.max.bytes": "4000000",
};

let kafka: KafkaCluster;
let cluster: Cluster;
beforeAll(async () => {
  kafka = await startKafka({ settings });
  cluster = clusterAt(kafka.bootstrap);
});
afterAll(async () => {
  await cluster.close();
  await kafka.stop();
});

async function topicOf(name: string, numPartitions: number): Promise<string> {
  const topic = { name, numPartitions, replicationFactor: -1, configs: [], assignments: [] };
  await cluster.askController(createTopicsV7.api, [topic], 30_000, false);
  return name;
}

async function producer(name: string, deliveryTimeoutMs: number): Promise<TransactionalProducer> {
  const made = new TransactionalProducer(cluster, {
    transactionalId: name,
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs,
    acknowledgeTimeoutMs: 10_000,
    maxRequestBytes: 1_000_000,
  });
  await made.initialise();
  return made;
}

function batch(topic: string, partition: number, bytes: number) {
  const builder = new RecordBatchBuilder();
  const [key, value] = [Buffer.from("k"), Buffer.alloc(bytes, "x")];
  builder.append(Date.now(), key, key.length, value, value.length, []);
  return { topic, partition, builder };
}

it("what one broker gets of several partitions goes in requests that are no larger than their bound", async () => {
  const topic = await topicOf("several", PARTITIONS.length);
  const own = await producer("several", 20_000);
  await own.send(PARTITIONS.map((partition) => batch(topic, partition, 600_000)));
  await own.commit();
  for (const partition of PARTITIONS)
    expect(await recordsIn(cluster, topic, partition)).toHaveLength(1);
});

it("a batch that is larger than what a broker reads says so, where the broker only hangs up", async () => {
  const topic = await topicOf("large", 1);
  // A busy broker takes longer than that second to know a topic, and to be the coordinator of an id.
  const patient = await producer("patient", 60_000);
  await patient.send([batch(topic, 0, 1)]);
  await patient.commit();
  await producer("large", 60_000);
  const own = await producer("large", 1_000);
  const sent = own.send([batch(topic, 0, 2_000_000)]);
  await expect(sent).rejects.toMatchObject({
    kind: "connection",
    message: expect.stringMatching(
      /has closed the connection \(the request had 2000\d\d\d bytes; .*socket\.request\.max\.bytes/,
    ),
  });
});
