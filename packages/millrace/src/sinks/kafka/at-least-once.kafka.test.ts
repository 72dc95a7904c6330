/** What a sink keeps of at least once where another process takes over: nothing is lost, and the last value stays the last. */
import { describeTransactionsV0 } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { sharedKafka, startKafka } from "../../../../../test/support/kafka.ts";
import { BrokerConnection, type BrokerLink } from "../../kafka/broker-connection.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { clusterAt, recordsIn } from "../../kafka/cluster.fixture.ts";
import { systemClock } from "../../model/ports.ts";
import { RENEW_MS, TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { HeldTask } from "./held-task.fixture.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { KafkaSinkOptions } from "./options.ts";
import { PassingClock } from "./passing-clock.fixture.ts";

const PRODUCE = 0;
/** In each Produce for the state topic, which may be named by its id: a record of a lane. */
const OF_STATE = '["lane",';
const KINDS = [
  { kind: "first", transactionsV2: false },
  { kind: "second", transactionsV2: true },
];

function optionsOf(bootstrap: string, prefix: string, transactionsV2: boolean): KafkaSinkOptions {
  const options = sinkOptions(bootstrap, prefix);
  const topics = { ...options.topics, partitions: 1 };
  const cluster = { ...options.cluster, transactionsV2 };
  return { ...options, topics, cluster, exactlyOnce: false };
}

/** The notes of the one topic, in their order. */
async function notesIn(cluster: Cluster, topic: string): Promise<readonly string[]> {
  const records = await recordsIn(cluster, topic);
  return records.map(([, value]) => /v\d+/.exec(value ?? "")?.[0] ?? "");
}

/** What a sink sends goes by `before`, with the name of what it is and the text of all of it. */
function watched(
  options: KafkaSinkOptions,
  before: (api: number, text: string) => Promise<void>,
): KafkaSinkOptions {
  const open: NonNullable<KafkaSinkOptions["cluster"]["open"]> = async (address) => {
    const all = { ...options.cluster, clock: systemClock };
    const real = await BrokerConnection.open(address, all);
    const send: BrokerLink["send"] = async (request) => {
      await before(request.api, request.payload().buffer.toString("latin1"));
      return real.send(request);
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

describe.each(KINDS)(
  "at least once, with transactions of the $kind kind,",
  ({ transactionsV2 }) => {
    it("the last value of a key stays the last where the one before writes while it is taken over from", async () => {
      await using kafka = await sharedKafka();
      const pipeline = `${kafka.prefix}last`;
      const options = optionsOf(kafka.bootstrap, kafka.prefix, transactionsV2);
      await using old = await HeldTask.take(options, pipeline);
      await old.commit({ rows: { 1: "v0" }, state: { pos: 0 } });
      let life: "takes over" | "writes" | "dead" = "takes over";
      const dying = watched(options, async (api, text) => {
        if (api !== PRODUCE) return;
        if (life === "takes over") {
          life = "writes";
          for (const n of [1, 2])
            await old.commit({ rows: { 1: `v${n}` }, state: { pos: n } }).catch(() => undefined);
        } else if (text.includes(OF_STATE)) {
          life = "dead";
          await new Promise(() => undefined);
        }
      });
      const heir = await HeldTask.take(dying, pipeline);
      const cluster = clusterAt(kafka.bootstrap);
      const topic = `${kafka.prefix}public.item`;
      try {
        // Its next row arrives, and what it says of its position never does; none is left where it knows of all that were written.
        const next = Number(heir.found.state.get("pos")) + 1;
        if (next <= 2) {
          void heir.commit({ rows: { 1: `v${next}` }, state: { pos: next } }).catch(() => 0);
          await expect.poll(() => life, { timeout: 60_000 }).toBe("dead");
        }
        await using last = await HeldTask.take(options, pipeline);
        for (let n = Number(last.found.state.get("pos")) + 1; n <= 2; n++)
          await last.commit({ rows: { 1: `v${n}` }, state: { pos: n } });
        const notes = await notesIn(cluster, topic);
        expect(notes.at(-1)).toBe("v2");
        expect(notes).toContain("v1");
      } finally {
        await Promise.all([heir.sink.close(), cluster.close()]);
      }
    });

    it("positions are there once their rows are, and not before", async () => {
      await using kafka = await sharedKafka();
      const pipeline = `${kafka.prefix}seen`;
      const options = optionsOf(kafka.bootstrap, kafka.prefix, transactionsV2);
      const cluster = clusterAt(kafka.bootstrap);
      let told = 0;
      const whole = watched(options, async (api, text) => {
        if (api !== PRODUCE || !text.includes(OF_STATE)) return;
        // Of the takeover, and then of the commit: this one never comes.
        if (++told === 2) await new Promise(() => undefined);
      });
      const old = await HeldTask.take(whole, pipeline);
      try {
        void old.commit({ rows: { 1: "v1" }, state: { pos: 1 } }).catch(() => undefined);
        await expect.poll(() => told, { timeout: 60_000 }).toBe(2);
        expect(await notesIn(cluster, `${kafka.prefix}public.item`)).toEqual(["v1"]);
        await using heir = await HeldTask.take(options, pipeline);
        expect(heir.found.state.get("pos")).toBeUndefined();
      } finally {
        await Promise.all([old.sink.close(), cluster.close()]);
      }
    });

    it("who was frozen for longer than a minute and taken over from sends nothing any more", async () => {
      await using kafka = await sharedKafka();
      const pipeline = `${kafka.prefix}frozen`;
      const options = optionsOf(kafka.bootstrap, kafka.prefix, transactionsV2);
      const clock = new PassingClock();
      await using old = await HeldTask.take(options, pipeline, clock);
      await old.commit({ rows: { 1: "v1" }, state: { pos: 1 } });
      clock.pass(2 * RENEW_MS);
      await old.commit({ rows: { 1: "v2" }, state: { pos: 2 } });
      await using heir = await HeldTask.take(options, pipeline);
      clock.pass(2 * RENEW_MS);
      const late = old.commit({ rows: { 1: "v3" }, state: { pos: 3 } });
      await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
      const cluster = clusterAt(kafka.bootstrap);
      const notes = await notesIn(cluster, `${kafka.prefix}public.item`);
      await cluster.close();
      expect(notes).toEqual(["v1", "v2"]);
      expect(heir.found.state.get("pos")).toBe(2);
    });
  },
);

it("a writer at least once is fenced by its heir however long it was busy, where brokers forget ids that end no transaction", async () => {
  await using own = await startKafka({
    settings: {
      "transactional.id.expiration.ms": "3000",
      "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
    },
  });
  const options = optionsOf(own.bootstrap, "busy-", true);
  const cluster = clusterAt(own.bootstrap);
  try {
    const clock = new PassingClock();
    await using old = await HeldTask.take(options, "busy", clock);
    const idle = await idleId(cluster);
    let pos = 0;
    const commit = (held: HeldTask) => {
      pos += 1;
      return held.commit({ rows: { 1: `v${pos}` }, state: { pos } });
    };
    // As long as an id that does nothing is kept, and as long once more.
    for (let isKept = true; isKept; isKept = await idle()) {
      clock.pass(RENEW_MS / 4);
      await commit(old);
    }
    const again = await idleId(cluster);
    for (let isKept = true; isKept; isKept = await again()) {
      clock.pass(RENEW_MS / 4);
      await commit(old);
    }
    await using heir = await HeldTask.take(options, "busy");
    await commit(heir);
    const late = old.commit({ rows: { 1: "v0" }, state: { pos: -1 } });
    await expect(late).rejects.toMatchObject({ code: "MR_SINK_LANE_MOVED" });
    const [lane] = await old.sink.readLanes();
    expect(lane?.fence).toBe(heir.found.fence);
    await commit(heir);
    const { state } = await heir.sink.readTask({ pipeline: "busy", task: "0" });
    expect(state.get("pos")).toBe(pos);
  } finally {
    await cluster.close();
  }
});

/** An id that ends one transaction and no more; whether its broker still knows it. */
async function idleId(cluster: Cluster): Promise<() => Promise<boolean>> {
  const transactionalId = `idle-${Math.random()}`;
  const producer = new TransactionalProducer(cluster, {
    transactionalId,
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 20_000,
    acknowledgeTimeoutMs: 10_000,
  });
  await producer.initialise();
  const node = await cluster.coordinator(transactionalId);
  return async () => {
    const connection = await cluster.connection(node, "control");
    return connection.call(describeTransactionsV0.api, [transactionalId]).then(
      () => true,
      () => false,
    );
  };
}
