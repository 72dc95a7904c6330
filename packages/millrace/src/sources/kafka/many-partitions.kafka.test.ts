/** A topic of a thousand partitions: what its tasks keep of the first look, and what that costs. MILLRACE_E2E_FULL=1. */
import { expect, it } from "vitest";
import { adminOf, createTopic, startKafka } from "../../../../../test/support/kafka.ts";
import { clusterAt } from "../../kafka/cluster.fixture.ts";
import { mayComeToBe } from "../../kafka/kafka-fault.ts";
import { topicEnds } from "../../kafka/partition.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";
import { send } from "../../topics-between.fixture.ts";
import { lookNow, PipelineLook } from "./first-look.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";
import { nextOffset } from "./position.ts";

/** In a test run a tenth of them. */
const PARTITIONS = process.env["MILLRACE_E2E_FULL"] === "1" ? 1_000 : 100;
const LATEST_START = { mode: "latest-offset" } as const;

it(`${PARTITIONS} partitions begin together with one look, which one of their tasks keeps`, async () => {
  await using kafka = await startKafka({ java: ["-Xmx512m", "-XX:+UseSerialGC"] });
  const [host = "", port = ""] = kafka.bootstrap.split(":");
  const admin = adminOf(kafka.bootstrap);
  await createTopic(admin, "many", PARTITIONS);
  await admin.close();
  const cluster = clusterAt(kafka.bootstrap);
  // A broker tells of leaders before it leads.
  await cluster.patiently(60_000, () => topicEnds(cluster, "many", PARTITIONS), mayComeToBe);
  await send(kafka, "many", [{ value: "before", partition: PARTITIONS - 1 }]);
  const options: Partial<KafkaSourceOptions> = {
    cluster: {
      bootstrap: [{ host, port: Number(port) }],
      clientId: "test",
      tls: null,
      sasl: null,
      connectTimeoutMs: 60_000,
      requestTimeoutMs: 60_000,
    },
    format: "debezium-json",
    primaryKeys: new Map(),
    startup: LATEST_START,
    unavailable: "gone",
    truncate: "refuse",
    fetchBytes: 1_000_000,
    fetchWaitMs: 50,
    matches: () => true,
  };
  const context = { pipeline: "many", clock: systemClock, random: Math.random, log: silentLogger };
  const counts = new Map([["many", PARTITIONS]]);
  const look = new PipelineLook(() => lookNow(cluster, Date.now(), counts), systemClock);
  const sources = Array.from(
    { length: PARTITIONS },
    (_, partition) =>
      new PartitionSource(options as KafkaSourceOptions, context, {
        topic: "many",
        partition,
        counts: () => counts,
        look,
        acknowledged: () => undefined,
      }),
  );
  const kept: Json[] = [];
  let asked = 0;
  const histories = (): Promise<readonly Json[]> => {
    asked++;
    return Promise.resolve([...kept]);
  };
  const heapBytes = process.memoryUsage().heapUsed;
  const beganMs = performance.now();
  try {
    const starts = sources.map(async (source) => {
      const { start, history = null } = await source.prepare([], null, { histories });
      kept.push(history);
      await (
        await source.openLog({ from: start, tables: new Map(), maxValueBytes: 1_000 })
      ).close();
      return start;
    });
    const begun = await Promise.all(starts);
    const sizes = kept.map((history) => JSON.stringify(history).length).toSorted((a, b) => b - a);
    const stateBytes = sizes.reduce((sum, size) => sum + size, 0);
    const tookMs = Math.round(performance.now() - beganMs);
    const heapMiB = Math.round((process.memoryUsage().heapUsed - heapBytes) / 2 ** 20);
    process.stdout.write(
      `${PARTITIONS} partitions: ${tookMs} ms, ${stateBytes} bytes of state (the largest ${sizes[0]}, the next ${sizes[1]}), heap ${heapMiB} MiB more\n`,
    );
    expect(asked).toBe(2);
    expect(sizes[1]).toBeLessThan(100);
    expect(stateBytes).toBeLessThan(200 * PARTITIONS);
    // Behind what there was at the look.
    expect(begun.map(nextOffset)).toEqual([...Array.from({ length: PARTITIONS - 1 }, () => 0), 1]);
  } finally {
    await Promise.all(sources.map((source) => source.close()));
    await cluster.close();
  }
}, 300_000);
