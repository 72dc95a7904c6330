/**
 * A producer id has 32,767 epochs, and where transactions are of the second kind (KIP-890) each commit takes one: then the coordinator
 * gives another producer id, in the answer to the end of a transaction or to who initialises. What is written stays once and in order.
 */
import { describeTransactionsV0 } from "@platformatic/kafka";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KafkaCluster, startKafka } from "../../../../../test/support/kafka.ts";
import { BrokerConnection, type BrokerLink } from "../../kafka/broker-connection.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { clusterAt, recordsIn } from "../../kafka/cluster.fixture.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import { RecordBatchBuilder } from "../../kafka/record-batch.ts";
import { RENEW_MS } from "../../kafka/transactional-producer.ts";
import { produceRequest } from "../../kafka/wire.ts";
import { systemClock } from "../../model/ports.ts";
import { HeldTask } from "./held-task.fixture.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { KafkaSinkOptions } from "./options.ts";
import { PassingClock } from "./passing-clock.fixture.ts";
import { transactionalId } from "./topic-names.ts";

/** The last epoch that a producer writes under; what is above it is the coordinator's own. */
const LAST_EPOCH = 32_766;
const END_TXN = 26;
const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** An id whose epochs can be seen. */
class WatchedId implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #id: string;

  constructor(bootstrap: string, pipeline: string) {
    this.#cluster = clusterAt(bootstrap);
    this.#id = transactionalId(pipeline, "0");
  }

  /** As its coordinator has it. */
  async now(): Promise<Identity> {
    const connection = await this.#coordinator();
    const answer = await connection.call(describeTransactionsV0.api, [this.#id]);
    const { producerId = -1n, producerEpoch = -1 } = answer.transactionStates[0] ?? {};
    return { producerId, producerEpoch };
  }

  async notes(topic: string): Promise<readonly string[]> {
    const records = await recordsIn(this.#cluster, topic);
    return records.flatMap(([, value]) => /v\d+/.exec(value ?? "")?.[0] ?? []);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cluster.close();
  }

  async #coordinator(): Promise<BrokerLink> {
    return this.#cluster.patiently(20_000, async () =>
      this.#cluster.connection(await this.#cluster.coordinator(this.#id), "control"),
    );
  }
}

interface Kind {
  readonly transactionsV2?: boolean;
  readonly exactlyOnce?: boolean;
}

function optionsOf(
  pipeline: string,
  { transactionsV2 = true, exactlyOnce = true }: Kind = {},
): KafkaSinkOptions {
  const options = sinkOptions(kafka.bootstrap, `${pipeline}-`);
  const topics = { ...options.topics, partitions: 1 };
  return { ...options, topics, cluster: { ...options.cluster, transactionsV2 }, exactlyOnce };
}

/** Pipelines, and how many epochs each has left. */
const LEFT = {
  over: 12,
  "lost-10": 10,
  "lost-11": 11,
  "taken-true": 6,
  "taken-false": 6,
  renewed: 5,
} as const;

let kafka: KafkaCluster;
beforeAll(async () => {
  kafka = await startKafka();
  await useUp(LEFT);
});
afterAll(() => kafka.stop());

/**
 * A coordinator knows of ids what its own log tells: it is told there that they have used their epochs up, and reads it when it
 * starts. To use up 32,000 takes as many requests (the long form does).
 */
async function useUp(left: Readonly<Record<string, number>>): Promise<void> {
  // Nobody else may write to a topic of the brokers' own.
  const cluster = clusterAt(kafka.bootstrap, { clientId: "__admin_client" });
  const at = { topic: "__transaction_state", partition: 0 };
  const builder = new RecordBatchBuilder();
  for (const [nth, [pipeline, epochs]] of Object.entries(left).entries()) {
    const key = logKey(transactionalId(pipeline, "0"));
    const value = logValue(BigInt(900_000 + nth), LAST_EPOCH - epochs);
    builder.append(Date.now(), key, key.length, value, value.length, []);
  }
  const nobody = { producerId: -1n, producerEpoch: -1, sequence: -1, transactional: false };
  const batches = [{ ...at, bytes: builder.finish(nobody, "none") }];
  const version = (await cluster.abilities()).produceVersion;
  await cluster.patiently(20_000, () => cluster.coordinator("any"));
  const connection = await cluster.connection(await cluster.leader(at.topic, 0), "data");
  const request = { version, transactionalId: null, timeoutMs: 10_000, batches };
  const { partitions } = await connection.send(produceRequest(request));
  expect(partitions).toMatchObject([{ errorCode: 0 }]);
  await cluster.close();
  await kafka.kill();
  await kafka.start();
}

/** As `TransactionLogKey` of Kafka's, version 0. */
function logKey(id: string): Buffer {
  const name = Buffer.from(id);
  const head = Buffer.alloc(4);
  head.writeInt16BE(name.length, 2);
  return Buffer.concat([head, name]);
}

/** As `TransactionLogValue` of Kafka's, version 0: nothing of it is open. */
function logValue(producerId: bigint, producerEpoch: number): Buffer {
  const value = Buffer.alloc(37);
  value.writeBigInt64BE(producerId, 2);
  value.writeInt16BE(producerEpoch, 10);
  // How long its transactions may take; their state, Empty; no partitions.
  value.writeInt32BE(60_000, 12);
  value.writeInt32BE(-1, 17);
  value.writeBigInt64BE(BigInt(Date.now()), 21);
  value.writeBigInt64BE(BigInt(Date.now()), 29);
  return value;
}

/** The broker carries out what a sink sends, and the answers to the ends of its transactions are lost as long as that is said. */
function losingEnds(options: KafkaSinkOptions, loses: () => boolean): KafkaSinkOptions {
  const open: NonNullable<KafkaSinkOptions["cluster"]["open"]> = async (address) => {
    const real = await BrokerConnection.open(address, { ...options.cluster, clock: systemClock });
    const send: BrokerLink["send"] = async (request) => {
      const answer = await real.send(request);
      if (request.api === END_TXN && loses())
        throw new KafkaFault("connection", "LOST", "the answer is lost");
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
  return { ...options, cluster: { ...options.cluster, open } };
}

const notes = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, at) => `v${first + at}`);

describe("a sink whose producer id has no epochs left", () => {
  it("goes on with another one, each commit once, and its older selves write nothing any more", async () => {
    const pipeline = "over";
    await using id = new WatchedId(kafka.bootstrap, pipeline);
    const old = await id.now();
    expect(old.producerEpoch).toBe(LAST_EPOCH - LEFT.over);
    await using zombie = await HeldTask.take(optionsOf(pipeline), pipeline);
    await zombie.commit({ rows: { 1: "v1" }, state: { pos: 1 } });
    await using heir = await HeldTask.take(optionsOf(pipeline), pipeline);
    let n = 1;
    while ((await id.now()).producerId === old.producerId) {
      expect(n).toBeLessThan(20);
      n += 1;
      await heir.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
    }
    const late = zombie.commit({ rows: { 1: "v99" }, state: { pos: 99 } });
    await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    const [lane] = await zombie.sink.readLanes();
    expect(lane?.fence).toBe(heir.found.fence);
    for (const more of [1, 2, 3])
      await heir.commit({ rows: { 1: `v${n + more}` }, state: { pos: n + more } });
    expect(await id.notes(`${pipeline}-public.item`)).toEqual(notes(1, n + 3));
    await using last = await HeldTask.take(optionsOf(pipeline), pipeline);
    expect(last.found.state.get("pos")).toBe(n + 3);
  });

  it.each(["lost-10", "lost-11"] as const)(
    "decides what became of a commit whose answer was lost on the way to the other one (%s)",
    async (pipeline) => {
      await using id = new WatchedId(kafka.bootstrap, pipeline);
      const old = await id.now();
      expect(old.producerEpoch).toBe(LAST_EPOCH - LEFT[pipeline]);
      let loses = false;
      const options = losingEnds(optionsOf(pipeline), () => loses);
      await using held = await HeldTask.take(options, pipeline);
      loses = true;
      let n = 0;
      while ((await id.now()).producerId === old.producerId || n < 12) {
        expect(n).toBeLessThan(20);
        n += 1;
        const commit = held.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
        await expect(commit).rejects.toMatchObject({ code: "MR_SINK_UNKNOWN_COMMIT" });
        expect(await held.settle()).toBe(true);
      }
      expect(await id.notes(`${pipeline}-public.item`)).toEqual(notes(1, n));
      await using last = await HeldTask.take(optionsOf(pipeline), pipeline);
      expect(last.found.state.get("pos")).toBe(n);
    },
  );

  it.each([true, false])(
    "takes over with another one, whoever was before is fenced, and nothing is lost (transactions of the second kind: %s)",
    async (transactionsV2) => {
      const pipeline = `taken-${transactionsV2}`;
      const options = optionsOf(pipeline, { transactionsV2 });
      await using id = new WatchedId(kafka.bootstrap, pipeline);
      const old = await id.now();
      expect(old.producerEpoch).toBe(LAST_EPOCH - LEFT["taken-true"]);
      const held: HeldTask[] = [];
      try {
        let n = 0;
        while ((await id.now()).producerId === old.producerId) {
          expect(n).toBeLessThan(20);
          n += 1;
          const next = await HeldTask.take(options, pipeline);
          held.push(next);
          expect(next.found.state.get("pos") ?? 0).toBe(n - 1);
          await next.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
        }
        const heir = held.at(-1);
        for (const each of held.slice(0, -1)) {
          const late = each.commit({ rows: { 1: "v99" }, state: { pos: 99 } });
          await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
        }
        await heir?.commit({ rows: { 1: `v${n + 1}` }, state: { pos: n + 1 } });
        expect(await id.notes(`${pipeline}-public.item`)).toEqual(notes(1, n + 1));
      } finally {
        for (const each of held) await each.sink.close();
      }
    },
  );

  it("renews its epoch at least once with another one, and sends the same batch again", async () => {
    const pipeline = "renewed";
    const options = optionsOf(pipeline, { exactlyOnce: false });
    await using id = new WatchedId(kafka.bootstrap, pipeline);
    const old = await id.now();
    expect(old.producerEpoch).toBe(LAST_EPOCH - LEFT.renewed);
    const clock = new PassingClock();
    await using held = await HeldTask.take(options, pipeline, clock);
    let refused = 0;
    let n = 0;
    while ((await id.now()).producerId === old.producerId || refused === 0) {
      expect(n).toBeLessThan(20);
      n += 1;
      clock.pass(2 * RENEW_MS);
      const commit = () => held.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
      await commit().catch(async (thrown: unknown) => {
        refused += 1;
        expect(thrown).toMatchObject({ code: "MR_SINK_LANE_MOVED" });
        expect(await held.settle()).toBe(false);
        await commit();
      });
    }
    expect(refused).toBe(1);
    expect(await id.notes(`${pipeline}-public.item`)).toEqual(notes(1, n));
  });
});

if (isFull)
  it("commits more often than a producer id has epochs, each commit once", async () => {
    const pipeline = "many";
    const options = optionsOf(pipeline);
    await using id = new WatchedId(kafka.bootstrap, pipeline);
    await using zombie = await HeldTask.take(options, pipeline);
    await zombie.commit({ rows: { 1: "v1" }, state: { pos: 1 } });
    await using held = await HeldTask.take(options, pipeline);
    const old = await id.now();
    const commits = 33_500;
    for (let n = 2; n <= commits; n++)
      await held.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
    expect((await id.now()).producerId).not.toBe(old.producerId);
    const late = zombie.commit({ rows: { 1: "v99999" }, state: { pos: 99_999 } });
    await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    expect(await id.notes(`${pipeline}-public.item`)).toEqual(notes(1, commits));
    await using last = await HeldTask.take(options, pipeline);
    expect(last.found.state.get("pos")).toBe(commits);
  }, 1_800_000);
