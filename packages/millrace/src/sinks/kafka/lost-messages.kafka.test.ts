/** What a sink says where brokers have lost messages that they had acknowledged: their offsets begin anew (I8). */
import { expect, it } from "vitest";
import { sharedKafka, type SharedKafka } from "../../../../../test/support/kafka.ts";
import { BrokerConnection, type BrokerLink } from "../../kafka/broker-connection.ts";
import { systemClock } from "../../model/ports.ts";
import { HeldTask, ITEM } from "./held-task.fixture.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { KafkaSinkOptions } from "./options.ts";

const hasOffset = (each: object): each is { readonly baseOffset: number } =>
  "baseOffset" in each && typeof each.baseOffset === "number" && each.baseOffset >= 0;

/** Its brokers say of every batch for a topic in `lost` that it is the first one. */
function optionsOf(kafka: SharedKafka, lost: ReadonlySet<string>): KafkaSinkOptions {
  const { cluster, ...options } = sinkOptions(kafka.bootstrap, kafka.prefix);
  const open: NonNullable<KafkaSinkOptions["cluster"]["open"]> = async (address) => {
    const real = await BrokerConnection.open(address, { ...cluster, clock: systemClock });
    const send: BrokerLink["send"] = async (request) => {
      const answer = await real.send(request);
      if (typeof answer !== "object" || answer === null || !("partitions" in answer)) return answer;
      for (const each of answer.partitions as { topic: string }[])
        if (lost.has(each.topic) && hasOffset(each)) Object.assign(each, { baseOffset: 0 });
      return answer;
    };
    return {
      get isOpen() {
        return real.isOpen;
      },
      call: (api, ...request) => real.call(api, ...request),
      send,
      close: () => real.close(),
    };
  };
  return { ...options, cluster: { ...cluster, open } };
}

/** What is said of the table by the next run of the same process. */
async function noticesNow({ sink }: HeldTask, pipeline: string): Promise<readonly string[]> {
  await sink.takeOver({ pipeline, task: "0", lanes: 1 });
  return (await sink.checkTable(ITEM, "if-missing")).notices;
}

it("of the topic of a table, the table is told so, and what tells its rows again", async () => {
  await using kafka = await sharedKafka();
  const pipeline = `${kafka.prefix}kept`;
  const lost = new Set<string>();
  const topic = `${kafka.prefix}public.item`;
  await using held = await HeldTask.take(optionsOf(kafka, lost), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  lost.add(topic);
  await expect(held.commit({ rows: { 1: "b" }, state: { pos: 2 } })).rejects.toMatchObject({
    code: "MR_SINK_SCHEMA",
    remedy: expect.stringContaining("of the same one `millrace resync TABLE` does"),
  });
  lost.clear();
  expect(await noticesNow(held, pipeline)).toEqual([
    expect.stringMatching(/^topic .*public\.item was made anew, or has lost .* a resync tells/),
  ]);
});

it("of the state topic, every table is told that the pipeline goes on from older positions", async () => {
  await using kafka = await sharedKafka();
  const pipeline = `${kafka.prefix}kept`;
  const lost = new Set<string>();
  await using held = await HeldTask.take(optionsOf(kafka, lost), pipeline);
  await held.commit({ rows: { 1: "a" }, state: { pos: 1 } });
  lost.add(`${kafka.prefix}state`);
  const refused = held.commit({ rows: { 1: "b" }, state: { pos: 2 } });
  await expect(refused).rejects.toMatchObject({
    code: "MR_SINK_LANE_MISSING",
    class: "schema",
    detail: expect.stringContaining("state topic"),
    remedy: expect.stringContaining("min.insync.replicas"),
  });
  await expect(refused).rejects.not.toMatchObject({ remedy: expect.stringContaining("resync") });
  lost.clear();
  expect(await noticesNow(held, pipeline)).toEqual([
    expect.stringMatching(/state was made anew, .*goes on from the positions that are still in it/),
  ]);
});

it("of a topic beside those of tables, it is told that nothing tells it again", async () => {
  await using kafka = await sharedKafka();
  const pipeline = `${kafka.prefix}kept`;
  const lost = new Set<string>();
  const options = optionsOf(kafka, lost);
  const topic = `${kafka.prefix}beat`;
  const side = { ...options.side, heartbeat: { topic, intervalMs: 0 } };
  await using held = await HeldTask.take({ ...options, side }, pipeline);
  await held.commit({ rows: { 1: "a" }, state: { "frontier/log": 1 } });
  lost.add(topic);
  await expect(
    held.commit({ rows: { 1: "b" }, state: { "frontier/log": 2 } }),
  ).rejects.toMatchObject({
    code: "MR_SINK_SCHEMA",
    remedy: expect.stringContaining("is not told again"),
  });
  lost.clear();
  expect(await noticesNow(held, pipeline)).toEqual([expect.stringContaining("is not told again")]);
});
