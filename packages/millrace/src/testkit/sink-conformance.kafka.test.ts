import { afterAll, describe, expect, it } from "vitest";
import { startKafka } from "../../../../test/support/kafka.ts";
import { clusterAt } from "../kafka/cluster.fixture.ts";
import { readTopic } from "../kafka/read-topic.ts";
import type { TargetTable } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { rowIn } from "../sinks/kafka/canonical-format.fixture.ts";
import { kafkaSink, sinkOptions } from "../sinks/kafka/kafka-sink.fixture.ts";
import { startKafkaCuttingProxy } from "./kafka-cutting-proxy.fixture.ts";
import type { SinkKit } from "./sink-kit.ts";
import { testSink } from "./test-sink.ts";

const proxy = await startKafkaCuttingProxy();
const kafka = await startKafka({ advertisedPort: proxy.port });
proxy.target(kafka.bootstrap);
const cluster = clusterAt(`127.0.0.1:${proxy.port}`);

afterAll(async () => {
  await cluster.close();
  await proxy.close();
  await kafka.stop();
});

/** What the messages of a table add up to, over all partitions. */
async function readMessages(prefix: string, table: TargetTable): Promise<readonly Row[]> {
  const topic = `${prefix}${table.schema}.${table.name}`;
  const facts = (await cluster.topics([topic])).get(topic);
  const rows = new Map<string, Row>();
  for (const partition of facts?.leaders.keys() ?? [])
    await readTopic(cluster, { topic, partition }, "end", 20_000, (record) => {
      const row = rowIn(record.value());
      const key = record.key()?.toString() ?? `${partition}/${record.offset}`;
      if (row === null) rows.delete(key);
      else
        rows.set(
          key,
          table.columns.map((_column, at) => row[at] ?? null),
        );
    });
  return [...rows.values()];
}

function kitOf(prefix: string, exactlyOnce: boolean): SinkKit {
  const options = {
    ...sinkOptions(`127.0.0.1:${proxy.port}`, prefix),
    exactlyOnce,
    stateTopic: null,
  };
  return {
    makeSink: (context) => kafkaSink(options, context),
    readTable: (table) => readMessages(prefix, table),
    lateDataMayLand: !exactlyOnce,
    refusedRow: ["1", "x".repeat(1_200_000), null],
    loseAnswer: async (context, when, work) => {
      const sink = kafkaSink(options, context);
      await sink.open();
      try {
        await work(sink, () => proxy.arm(when));
      } finally {
        await sink.close();
      }
    },
  };
}

const kits = { "exactly once": kitOf("eo-", true), "at least once": kitOf("al-", false) };

describe.each(Object.entries(kits))("the sink kafka, %s", (_name, kit) => {
  it.each(testSink(kit))("$name", async (conformance) => {
    await expect(conformance.run()).resolves.toBeUndefined();
  });
});
