import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { clusterAt } from "../../packages/millrace/src/kafka/cluster.fixture.ts";
import { RecordBatchBuilder } from "../../packages/millrace/src/kafka/record-batch.ts";
import { TransactionalProducer } from "../../packages/millrace/src/kafka/transactional-producer.ts";
import { adminOf, createTopic, sharedKafka } from "../support/kafka.ts";
import { consumedMessages } from "./console-consumer.ts";

it(
  "Kafka's own consumer shows what was committed, and nothing of two transactions that one producer aborted",
  { timeout: 300_000 },
  async () => {
    await using kafka = await sharedKafka();
    const cluster = clusterAt(kafka.bootstrap);
    const topic = `aborted-${randomUUID()}`;
    const admin = adminOf(kafka.bootstrap);
    await createTopic(admin, topic, 2);
    await admin.close();
    const writer = new TransactionalProducer(cluster, {
      transactionalId: topic,
      transactional: true,
      compression: "none",
      transactionTimeoutMs: 30_000,
      deliveryTimeoutMs: 20_000,
      acknowledgeTimeoutMs: 10_000,
    });
    const send = (partition: number, value: string | null): Promise<void> => {
      const builder = new RecordBatchBuilder();
      const [key, bytes] = [Buffer.from('{"id":1}'), Buffer.from(value ?? "")];
      builder.append(Date.now(), key, key.length, bytes, value === null ? -1 : bytes.length, []);
      return writer.send([{ topic, partition, builder }]);
    };
    try {
      await writer.initialise();
      for (const nth of [1, 2]) {
        await send(0, `{"aborted":${nth}}`);
        await writer.abort();
      }
      await send(0, '{"n":1}');
      await send(0, null);
      await send(1, '{"n":2}');
      await writer.commit();
    } finally {
      await cluster.close();
    }
    const messages = await consumedMessages(kafka.bootstrap, topic);
    expect(messages.toSorted((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, key: '{"id":1}', value: '{"n":1}' },
      { partition: 0, key: '{"id":1}', value: null },
      { partition: 1, key: '{"id":1}', value: '{"n":2}' },
    ]);
  },
);
