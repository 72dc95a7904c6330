/** A cluster in the middle of an upgrade: not every broker speaks what the first one that answers does. */
import { type apiVersionsV3, createTopicsV7 } from "@platformatic/kafka";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../test/support/kafka.ts";
import { systemClock } from "../model/ports.ts";
import { BrokerConnection, type BrokerLink } from "./broker-connection.ts";
import { clusterAt } from "./cluster.fixture.ts";
import type { ClusterOptions } from "./cluster-options.ts";
import { KafkaFault } from "./kafka-fault.ts";
import { readTopic } from "./read-topic.ts";
import { RecordBatchBuilder } from "./record-batch.ts";
import { TransactionalProducer } from "./transactional-producer.ts";

const PRODUCE = 0;
const FETCH = 1;
/** What Kafka 3.0 and 4.0 do not speak: topics by their ids. */
const BY_ID = 13;

let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await startKafka({ brokers: 2 });
});
afterAll(() => kafka.stop());

const lowered = new Set([PRODUCE, FETCH]);

/** The broker at `port` speaks nothing by ids, says so, and hangs up on whoever does; `sent` is what each was sent. */
function withOlder(port: number, sent: { port: number; api: number; version: number }[]) {
  const base = { clientId: "test", tls: null, sasl: null, clock: systemClock };
  const times = { connectTimeoutMs: 5_000, requestTimeoutMs: 10_000 };
  const open: NonNullable<ClusterOptions["open"]> = async (address) => {
    const real = await BrokerConnection.open(address, { ...base, ...times, bootstrap: [] });
    const isOlder = address.port === port;
    const call: BrokerLink["call"] = async (api, ...request) => {
      const answer = await real.call(api, ...request);
      if (!isOlder || !isVersions(answer)) return answer;
      for (const each of answer.apiKeys) if (lowered.has(each.apiKey)) each.maxVersion = BY_ID - 1;
      return answer;
    };
    const send: BrokerLink["send"] = async (request) => {
      sent.push({ port: address.port, api: request.api, version: request.version });
      if (!isOlder || !lowered.has(request.api) || request.version < BY_ID)
        return real.send(request);
      await real.close();
      throw new KafkaFault("connection", "ECONNRESET", "an older broker has closed the connection");
    };
    return {
      get isOpen() {
        return real.isOpen;
      },
      call,
      send,
      close: () => real.close(),
    };
  };
  return open;
}

function isVersions(answer: unknown): answer is ReturnType<typeof apiVersionsV3.parseResponse> {
  return typeof answer === "object" && answer !== null && "apiKeys" in answer;
}

it("each broker is asked by what it speaks itself, whichever was asked first", async () => {
  const [first = "", second = ""] = kafka.bootstrap.split(",");
  const olderPort = Number(second.split(":")[1]);
  const sent: { port: number; api: number; version: number }[] = [];
  const cluster = clusterAt(first, { open: withOlder(olderPort, sent) });
  try {
    const assignments = [1, 2].map((node, partitionIndex) => {
      return { partitionIndex, brokerIds: [node] };
    });
    const name = "mixed";
    const wanted = { name, numPartitions: -1, replicationFactor: -1, configs: [], assignments };
    await cluster.askController(createTopicsV7.api, [wanted], 30_000, false);
    const topicId = (await cluster.topics([name])).get(name)?.id ?? "";
    const producer = new TransactionalProducer(cluster, {
      transactionalId: name,
      transactional: true,
      compression: "none",
      transactionTimeoutMs: 60_000,
      deliveryTimeoutMs: 5_000,
      acknowledgeTimeoutMs: 5_000,
    });
    await producer.initialise();
    const batch = (partition: number) => {
      const builder = new RecordBatchBuilder();
      const [key, value] = [Buffer.from("k"), Buffer.from("v")];
      builder.append(Date.now(), key, key.length, value, value.length, []);
      return { topic: name, topicId, partition, builder };
    };
    await producer.send([batch(0), batch(1)]);
    await producer.commit();
    for (const partition of [0, 1]) {
      const found: string[] = [];
      await readTopic(cluster, { topic: name, topicId, partition }, "end", 10_000, (record) =>
        found.push(record.value()?.toString() ?? ""),
      );
      expect(found).toEqual(["v"]);
    }
    const versions = (api: number, isOlder: boolean) =>
      sent
        .filter((each) => each.api === api && (each.port === olderPort) === isOlder)
        .map(({ version }) => version);
    for (const api of [PRODUCE, FETCH]) {
      expect(new Set(versions(api, false))).toEqual(new Set([BY_ID]));
      expect(Math.max(...versions(api, true))).toBe(BY_ID - 1);
    }
  } finally {
    await cluster.close();
  }
});
