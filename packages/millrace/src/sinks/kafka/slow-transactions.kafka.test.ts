/** What becomes of a commit that its brokers hold up: by a quota, by faults that pass, by an end of which nobody says whether it came. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { type SharedKafka, sharedKafka } from "../../../../../test/support/kafka.ts";
import { BrokerConnection } from "../../kafka/broker-connection.ts";
import { clusterAt, recordsIn } from "../../kafka/cluster.fixture.ts";
import { Cluster } from "../../kafka/cluster.ts";
import { comeBetween, type Way } from "../../kafka/come-between.fixture.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import type { EndTxnAnswer, ProduceAnswer } from "../../kafka/wire.ts";
import { HeldTask } from "./held-task.fixture.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import { PassingClock } from "./passing-clock.fixture.ts";

const COORDINATOR_NOT_AVAILABLE = 15;
const TRANSIENT = { class: "transient" };

afterEach(() => vi.restoreAllMocks());

/** As under a quota: each answer to a Produce says that the broker reads nothing for a while. */
const heldBack: Way<ProduceAnswer> = async (ask) => ({ ...(await ask()), throttledMs: 20 });

/** Longer than anything is tried, and shorter than a transaction may be open. */
const TOO_LONG_MS = 25_000;

function optionsOf({ bootstrap, prefix }: SharedKafka, deliveryTimeoutMs = 20_000) {
  return { ...sinkOptions(bootstrap, prefix), deliveryTimeoutMs };
}

/** Keys of all messages of the one table. */
async function told({ bootstrap, prefix }: SharedKafka): Promise<readonly (string | null)[]> {
  const cluster = clusterAt(bootstrap);
  const topic = `${prefix}public.item`;
  const all = await Promise.all([0, 1].map((partition) => recordsIn(cluster, topic, partition)));
  await cluster.close();
  return all.flat().map(([key]) => key);
}

describe("behind a quota", () => {
  it("a commit whose end was written, though its coordinator did not say so and is gone, is undecided, and found", async () => {
    await using kafka = await sharedKafka();
    const clock = new PassingClock();
    await using held = await HeldTask.take(optionsOf(kafka), `${kafka.prefix}end`, clock);
    let isGone = false;
    const endTxn: Way<EndTxnAnswer> = async (ask) => {
      const answer = await ask();
      if (answer.errorCode !== 0) return answer;
      isGone = true;
      return { ...answer, errorCode: COORDINATOR_NOT_AVAILABLE, next: null };
    };
    comeBetween({ produce: () => heldBack, endTxn });
    // oxlint-disable-next-line typescript/unbound-method -- called with the cluster below.
    const real = Cluster.prototype.coordinator;
    vi.spyOn(Cluster.prototype, "coordinator").mockImplementation(async function (
      this: Cluster,
      ...of
    ) {
      if (!isGone) return real.apply(this, of);
      clock.pass(TOO_LONG_MS);
      throw new KafkaFault("connection", "ECONNREFUSED", "nobody listens");
    });
    const ended = held.commit({ rows: { 1: "a", 2: "b" }, state: { pos: 1 }, divisible: true });
    await expect(ended).rejects.toMatchObject({ class: "unknown-outcome" });
    vi.restoreAllMocks();
    expect(await held.settle()).toBe(true);
    expect(await told(kafka)).toHaveLength(2);
  });

  it("a lost connection is a lost connection", async () => {
    await using kafka = await sharedKafka();
    const clock = new PassingClock();
    await using held = await HeldTask.take(optionsOf(kafka), `${kafka.prefix}lost`, clock);
    comeBetween({ produce: () => heldBack });
    await held.commit({ state: { pos: 1 } });
    vi.restoreAllMocks();
    const nobody: Way<ProduceAnswer> = async () => {
      clock.pass(TOO_LONG_MS);
      throw new KafkaFault("connection", "ECONNREFUSED", "nobody listens");
    };
    comeBetween({ produce: () => nobody });
    for (const divisible of [true, false]) {
      const lost = held.commit({ rows: { 1: "a" }, state: { pos: 2 }, divisible });
      await expect(lost).rejects.toMatchObject({ code: "MR_SINK_LOST_CONNECTION", ...TRANSIENT });
      expect(await held.settle()).toBe(false);
    }
  });
});

describe("where brokers take longer than a transaction may be open", () => {
  const SLOW = { code: "MR_SINK_TOO_SLOW" };

  /** Their next answer is that it may go well later, three quarters of the transaction's time later. */
  function slowOnce(clock: PassingClock): void {
    let isOver = false;
    const slowly: Way<ProduceAnswer> = async (ask) => {
      if (isOver) return ask();
      isOver = true;
      clock.pass(46_000);
      throw new KafkaFault("retriable", "NOT_ENOUGH_REPLICAS", "too few replicas");
    };
    comeBetween({ produce: () => slowly });
  }

  it("what its writer cuts is to be cut, and all else is sent again", async () => {
    await using kafka = await sharedKafka();
    const clock = new PassingClock();
    const options = optionsOf(kafka, 50_000);
    await using held = await HeldTask.take(options, `${kafka.prefix}slow`, clock);
    const rows = { 1: "a", 2: "b", 3: "c", 4: "d" };
    const positions = { state: { pos: 1 } };
    for (const [commit, failure] of [
      [positions, "transient"],
      [{ rows }, "transient"],
      [{ rows, divisible: true }, "too-large"],
    ] as const) {
      slowOnce(clock);
      await expect(held.commit(commit)).rejects.toMatchObject({ ...SLOW, class: failure });
      vi.restoreAllMocks();
      expect(await held.settle()).toBe(false);
    }
    // From now on it is known; who cannot cut is not asked to.
    const sends = vi.spyOn(BrokerConnection.prototype, "send");
    const many = { rows: { 1: "a", 2: "b", 3: "c" } };
    await expect(held.commit({ ...many, divisible: true })).rejects.toMatchObject(SLOW);
    expect(sends).not.toHaveBeenCalled();
    await held.commit(many);
    expect(await told(kafka)).toHaveLength(3);
  });

  it("a start is tried again", async () => {
    await using kafka = await sharedKafka();
    const clock = new PassingClock();
    slowOnce(clock);
    const taken = HeldTask.take(optionsOf(kafka, 50_000), `${kafka.prefix}start`, clock);
    await expect(taken).rejects.toMatchObject({ ...SLOW, ...TRANSIENT });
    vi.restoreAllMocks();
    await using held = await HeldTask.take(optionsOf(kafka, 50_000), `${kafka.prefix}start`, clock);
    await held.commit({ state: { pos: 1 } });
  });
});
