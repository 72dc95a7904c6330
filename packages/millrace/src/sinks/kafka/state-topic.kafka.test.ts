import { expect, it } from "vitest";
import { sharedKafka } from "../../../../../test/support/kafka.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
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
    new StateTopic(name, cluster, topics, { replicationFactor: null, deliveryTimeoutMs: 300 });
  try {
    expect((await make().read("0", "stable")).lanes.size).toBe(0);
    const state = make();
    await state.prepare();
    expect((await state.read("0", "stable")).lanes.size).toBe(0);
    await kafka.admin.deleteTopics({ topics: [name] });
    // Its brokers hear of it a moment later.
    const refused = () => thrownBy(state.read("0", "stable"));
    await expect.poll(refused, { timeout: 20_000 }).toBeInstanceOf(KafkaFault);
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
    await sink.takeOver({ pipeline: "looks", task: "0", lanes: 1 });
    expect(await sink.readDocuments("looks", "")).toEqual([]);
    await kafka.admin.deleteTopics({ topics: [`${kafka.prefix}state`] });
    const refused = () => thrownBy(sink.readDocuments("looks", ""));
    await expect.poll(refused, { timeout: 20_000 }).toBeInstanceOf(MillraceError);
  } finally {
    await sink.close();
  }
});
