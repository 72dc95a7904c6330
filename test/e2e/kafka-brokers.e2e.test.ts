/** PostgreSQL into Kafka of three brokers, which lose their leaders, their coordinators and each other: every change exactly once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RENEW_MS } from "../../packages/millrace/src/kafka/transactional-producer.ts";
import { type KafkaCluster, startKafka } from "../support/kafka.ts";
import { sharedPostgres, type SharedPostgres } from "../support/postgres.ts";
import { BrokerPlaces } from "./broker-places.ts";
import { CountedPipeline } from "./counted-pipeline.ts";
import type { MillraceProcess } from "./millrace-process.ts";
import type { Guarantee } from "./topic-counts.ts";

/** Each broker that goes for good is one that the others have to miss: seconds of waiting. */
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

const TRANSACTIONS = "__transaction_state";
/** The first broker is the controller, too, and has to live. */
const CONTROLLER = 1;

let kafka: KafkaCluster;
let places: BrokerPlaces;
let source: SharedPostgres;
let folder: string;
beforeAll(async () => {
  const settings = {
    "transaction.state.log.num.partitions": "12",
    "transaction.state.log.min.isr": "1",
  };
  [kafka, source] = await Promise.all([startKafka({ brokers: 3, settings }), sharedPostgres()]);
  folder = await mkdtemp(join(tmpdir(), "millrace-brokers-"));
  places = new BrokerPlaces(kafka.bootstrap);
  await places.makeGroups();
});
afterAll(async () => {
  await places.close();
  await kafka.stop();
  await source.release();
  await rm(folder, { recursive: true });
});

/** One whose coordinator may go. */
async function makeElsewhere(
  table: string,
  guarantee: Guarantee = "exactly-once",
): Promise<CountedPipeline> {
  const parts = { kafka, places, source, folder };
  for (let tried = 0; tried < 200; tried++) {
    const name = `${table}_${tried}`;
    const node = await places.coordinator(CountedPipeline.idOf(parts, name));
    if (node !== CONTROLLER) return CountedPipeline.make(parts, name, { guarantee });
  }
  throw new Error("one broker coordinates every id");
}

/** Stands still in the middle of a transaction: what is in it is at the brokers, and its end is not asked for yet. */
async function standStillWithin(run: MillraceProcess, id: string): Promise<void> {
  const isOpen = async () => (await places.transactionOf(id)) === "Ongoing";
  for (;;) {
    process.kill(run.pid, "SIGSTOP");
    // What was under way when it stopped has come by then.
    if (await isOpen()) await sleep(200);
    if (await isOpen()) return;
    process.kill(run.pid, "SIGCONT");
    await sleep(20);
  }
}

it("tells every change once where the coordinator of its transactions, which leads partitions too, is killed for good in the middle of one", async () => {
  const pipeline = await makeElsewhere("middle");
  const gone = await places.coordinator(pipeline.id);
  await pipeline.expectWholeThrough(async (run) => {
    expect(await places.leaders(pipeline.topic)).toContain(gone);
    await standStillWithin(run, pipeline.id);
    await kafka.kill(gone);
    process.kill(run.pid, "SIGCONT");
    await othersTake(pipeline, gone);
  });
  await kafka.start(gone);
}, 600_000);

/** Whoever coordinates and leads is another one. */
async function othersTake({ id, topic }: CountedPipeline, gone: number): Promise<void> {
  await expect.poll(() => places.coordinator(id), { timeout: 60_000 }).not.toBe(gone);
  await expect.poll(() => places.leaders(topic), { timeout: 60_000 }).not.toContain(gone);
}

if (isFull) {
  it("tells every change once while leaders and coordinator move from broker to broker", async () => {
    const pipeline = await makeElsewhere("moved");
    const topics = [pipeline.topic, pipeline.stateTopic, TRANSACTIONS];
    await pipeline.expectWholeThrough(async () => {
      const coordinators = new Set<number>();
      for (const nodes of [
        [2, 3],
        [3, 1],
        [1, 2],
      ]) {
        await places.give(topics, nodes);
        coordinators.add(await places.coordinator(pipeline.id));
        await places.tells(pipeline.topic, 50);
      }
      expect(coordinators.size).toBeGreaterThan(1);
      await places.give(topics, [1, 2, 3]);
    });
  }, 600_000);

  it("tells every change at least once, and in order, where the coordinator of its id is killed for good", async () => {
    const pipeline = await makeElsewhere("least", "at-least-once");
    const gone = await places.coordinator(pipeline.id);
    await pipeline.expectWholeThrough(async () => {
      await kafka.kill(gone);
      await othersTake(pipeline, gone);
      // Longer than an epoch at least once is kept without asking its coordinator.
      await sleep(RENEW_MS);
    });
    await kafka.start(gone);
  }, 600_000);

  it("tells every change once where its coordinator is silent first, and never answers to the end of a transaction", async () => {
    const pipeline = await makeElsewhere("silent");
    const gone = await places.coordinator(pipeline.id);
    await pipeline.expectWholeThrough(async (_run, writer) => {
      kafka.brokers[gone - 1]?.freeze();
      // Whatever is under way cannot be ended.
      await writer.wrote(20);
      await kafka.kill(gone);
      await othersTake(pipeline, gone);
    });
    await kafka.start(gone);
  }, 600_000);
}
