/** Topics of tables, and what brokers say of options, on a real broker. */
import { createPartitionsV3 } from "@platformatic/kafka";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { sharedKafka, type SharedKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { column, table } from "../../formats/event.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { TopicOptions } from "./options.ts";
import { StateTopic } from "./state-topic.ts";
import { Topics } from "./topics.ts";

const ITEM = table("public", "item", [column("id", { kind: "int", bits: 64 })]);

let kafka: SharedKafka;
let cluster: Cluster;
beforeEach(async () => {
  kafka = await sharedKafka();
  cluster = clusterAt(kafka.bootstrap);
});
afterEach(async () => {
  await cluster.close();
  await kafka.release();
});

function topicsWith(options: Partial<TopicOptions> = {}): Topics {
  const { topics, maxRequestBytes } = sinkOptions(kafka.bootstrap, kafka.prefix);
  return new Topics(cluster, { ...topics, ...options }, maxRequestBytes);
}

it("partitions that are added to a topic are for the next process: those of a run stay, whatever it asks for again", async () => {
  const topics = topicsWith();
  await topics.check(ITEM, "if-missing");
  const name = `${kafka.prefix}public.item`;
  const more = [{ name, count: 4, assignments: null }];
  await cluster.askController(createPartitionsV3.api, more, 10_000, false);
  const seen = () => topicsWith().find(name);
  await expect.poll(async () => (await seen())?.partitions, { timeout: 60_000 }).toBe(4);
  topics.forget();
  expect(await topics.of(ITEM)).toMatchObject({ partitions: 2 });
  topics.forget();
  await topics.check(ITEM, "if-missing");
  expect(await topics.of(ITEM)).toMatchObject({ partitions: 2 });
  expect(await topicsWith().of(ITEM)).toMatchObject({ partitions: 4 });
});

it("a setting that brokers give no value of is not known, and no limit of 0 bytes", async () => {
  const name = `${kafka.prefix}state`;
  const options = { pipeline: "kept", replicationFactor: null, deliveryTimeoutMs: 10_000 };
  const state = new StateTopic(name, cluster, topicsWith(), options);
  await state.prepare();
  const ask = cluster.ask.bind(cluster);
  vi.spyOn(cluster, "ask").mockImplementation(async (...asked) =>
    withoutValues(await ask(...asked)),
  );
  expect((await state.prepare()).maxBatchBytes).toBe(16 * 2 ** 20);
  const { maxRequestBytes } = sinkOptions(kafka.bootstrap, kafka.prefix);
  expect((await topicsWith().find(name))?.maxBatchBytes).toBe(maxRequestBytes);
});

it("a topic that was made anew has the partitions that it has", async () => {
  const topics = topicsWith();
  await topics.check(ITEM, "if-missing");
  const name = `${kafka.prefix}public.item`;
  await topics.drop(ITEM);
  await topics.make({ name, partitions: 5, replicationFactor: null, configs: new Map() });
  topics.forget();
  expect(await topics.of(ITEM)).toMatchObject({ partitions: 5 });
});

it("a topic that somebody else has made anew is another one to this run, and has the partitions that it has to the next", async () => {
  const topics = topicsWith();
  await topics.check(ITEM, "if-missing");
  const name = `${kafka.prefix}public.item`;
  await kafka.admin.deleteTopics({ topics: [name] });
  await expect.poll(() => topics.find(name), { timeout: 60_000 }).toBeNull();
  await kafka.createTopic("public.item", 5);
  const seen = () => topicsWith().find(name);
  await expect.poll(async () => (await seen())?.partitions, { timeout: 60_000 }).toBe(5);
  topics.forget();
  const another = { kind: "replaced", topic: name };
  await expect(topics.of(ITEM)).rejects.toMatchObject(another);
  await expect(topics.check(ITEM, "if-missing")).rejects.toMatchObject(another);
  topics.begin();
  await topics.check(ITEM, "if-missing");
  expect(await topics.of(ITEM)).toMatchObject({ partitions: 5 });
});

it("a topic that is gone since this run has seen it is not made anew beneath it", async () => {
  const topics = topicsWith();
  await topics.check(ITEM, "if-missing");
  const name = `${kafka.prefix}public.item`;
  await kafka.admin.deleteTopics({ topics: [name] });
  await expect.poll(() => topics.find(name), { timeout: 60_000 }).toBeNull();
  const gone = { kind: "missing" };
  await expect(topics.check(ITEM, "if-missing")).rejects.toMatchObject(gone);
  topics.begin();
  expect(await topics.check(ITEM, "if-missing")).toMatchObject({ created: true });
});

it("says wherein a topic that is there differs from what the file says of those that are made", async () => {
  await kafka.createTopic("public.item", 1, {
    "retention.ms": "1000000",
    "cleanup.policy": "delete,compact",
  });
  const name = `${kafka.prefix}public.item`;
  const wanted = topicsWith({
    partitions: 3,
    replicationFactor: 2,
    configs: new Map([
      ["cleanup.policy", "compact, delete"],
      ["retention.ms", "-1"],
    ]),
  });
  const told = [
    `topic ${name} has 1 partitions, and topic.partitions is 3: it is left as it is`,
    `topic ${name} has 1 replicas of each partition, and topic.replication-factor is 2: it is left as it is`,
    `topic ${name} has retention.ms 1000000, and topic.configs says -1: it is left as it is`,
  ];
  expect((await wanted.preview(ITEM, "if-missing")).notices).toEqual(told);
  expect((await wanted.check(ITEM, "if-missing")).notices).toEqual(told);
});

it("a transaction timeout that the brokers do not take is told with the option and their setting, before a start and at it", async () => {
  const options = {
    ...sinkOptions(kafka.bootstrap, kafka.prefix),
    transactionTimeoutMs: 3_600_000,
  };
  const sink = new KafkaSink(options, systemClock, Math.random);
  try {
    await sink.open();
    const refused = {
      code: "MR_SINK_REFUSED",
      class: "config",
      remedy: expect.stringMatching(/sink\.transaction\.timeout.*transaction\.max\.timeout\.ms/),
    };
    expect(await sink.previewTakeover("patient", ["0"])).toMatchObject([refused]);
    await expect(sink.takeOver({ pipeline: "patient", task: "0", lanes: 1 })).rejects.toMatchObject(
      refused,
    );
  } finally {
    await sink.close();
  }
});

/** An answer whose settings have none, as those that a broker keeps to itself. */
function withoutValues(answer: unknown): unknown {
  const text = JSON.stringify(answer, (key, value: unknown) => (key === "value" ? null : value));
  return JSON.parse(text) as unknown;
}
