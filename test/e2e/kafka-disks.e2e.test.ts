/** A broker with two disks loses one: what pipelines into its topics and out of them do. Three brokers: MILLRACE_E2E_FULL=1. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adminOf, createTopic, type KafkaCluster, startKafka } from "../support/kafka.ts";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { BrokerPlaces } from "./broker-places.ts";
import { CountedPipeline } from "./counted-pipeline.ts";
import { MillraceProcess } from "./millrace-process.ts";
import type { MillraceRun } from "./millrace-run.ts";
import { SourceTopic } from "./source-topic.ts";
import { makeTarget, type Target } from "./targets.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";
const TIMEOUT_MS = 120_000;
/** Its partitions are offline, or the broker says so itself while it is asked for them. */
const NO_DISK = /KAFKA_STORAGE_ERROR|LEADER_NOT_AVAILABLE/;

let source: SharedPostgres;
let target: Target;
let folder: string;
beforeAll(async () => {
  [source, target] = await Promise.all([sharedPostgres(), makeTarget("postgres")]);
  folder = await mkdtemp(join(tmpdir(), "millrace-disks-"));
});
afterAll(async () => {
  await target.release();
  await source.release();
  await rm(folder, { recursive: true });
});

/** One pipeline writes a topic and another one reads one, while `node` loses the disk that has both; `lost` happens then. */
async function expectWholeWithout(
  kafka: KafkaCluster,
  node: number,
  lost: (runs: { readonly sink: MillraceRun; readonly source: MillraceRun }) => Promise<void>,
): Promise<void> {
  const places = new BrokerPlaces(kafka.bootstrap);
  const name = `disks_${kafka.brokers.length}`;
  const counted = await CountedPipeline.make({ kafka, places, source, folder }, name);
  const read = `${name}_read`;
  const topic = await beginTopic(kafka, read);
  const reader = new MillraceProcess(topic.args);
  const broker = kafka.brokers[node - 1];
  try {
    await counted.expectWholeThrough(async (run) => {
      await reader.running;
      await topic.write(2);
      await expect.poll(() => topic.least(), { timeout: TIMEOUT_MS }).toBe(topic.round);
      for (const moved of [counted.topic, `${read}-${read}`])
        await places.moveToDisk(node, moved, broker?.secondDir ?? "");
      for (const kept of [counted.stateTopic, "__transaction_state", "__consumer_offsets"])
        await places.moveToDisk(node, kept, broker?.dataDir ?? "");
      await broker?.loseDisk();
      await lost({ sink: run, source: reader });
    });
    await topic.write(3);
    await expect.poll(() => topic.least(), { timeout: TIMEOUT_MS }).toBe(topic.round);
    expect(reader.isRunning, reader.tail()).toBe(true);
    expect(await topic.findings()).toEqual([]);
  } finally {
    reader.kill();
    await topic.close();
    await places.close();
  }
}

async function beginTopic({ bootstrap }: KafkaCluster, name: string): Promise<SourceTopic> {
  const made = async (topic: string, partitions?: number): Promise<string> => {
    const admin = adminOf(bootstrap);
    await createTopic(admin, `${name}-${topic}`, partitions);
    await admin.close();
    return `${name}-${topic}`;
  };
  const kafka = { bootstrap, prefix: `${name}-`, createTopic: made };
  return SourceTopic.begin({ kafka, target, folder, name });
}

async function says(run: MillraceRun, what: RegExp): Promise<void> {
  const told = (): boolean => run.output.some((line) => what.test(line));
  await expect.poll(told, { timeout: TIMEOUT_MS }).toBe(true);
}

it("one broker: pipelines wait, and say for what, until it has the disk again, and leave nothing out", async () => {
  await using kafka = await startKafka({ hasTwoDisks: true });
  await expectWholeWithout(kafka, 1, async (runs) => {
    await says(runs.sink, NO_DISK);
    await says(runs.source, NO_DISK);
    await kafka.kill();
    await kafka.brokers[0]?.findDisk();
    await kafka.start();
  });
}, 600_000);

if (isFull)
  it("three brokers: pipelines go on with those that have the partitions, and leave nothing out", async () => {
    await using kafka = await startKafka({ brokers: 3, hasTwoDisks: true });
    const places = new BrokerPlaces(kafka.bootstrap);
    await expectWholeWithout(kafka, 3, async () => {
      const leaders = () => places.leaders("public.disks_3");
      await expect.poll(leaders, { timeout: TIMEOUT_MS }).not.toContain(3);
    });
    await places.close();
  }, 600_000);
