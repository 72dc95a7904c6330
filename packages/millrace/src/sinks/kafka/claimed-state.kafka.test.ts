/** Whose an empty state topic becomes. */
import { afterEach, expect, it, vi } from "vitest";
import { sharedKafka, type SharedKafka } from "../../../../../test/support/kafka.ts";
import { comeBetween } from "../../kafka/come-between.fixture.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import { systemClock } from "../../model/ports.ts";
import type { Takeover } from "../../model/sink.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import type { KafkaSinkOptions } from "./options.ts";

afterEach(() => void vi.restoreAllMocks());

const REFUSED = { code: "MR_SINK_REFUSED", class: "config" };

/** Whoever comes waits until so many have come. */
function meetingOf(count: number): () => Promise<void> {
  const all = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    if (++come === count) all.resolve();
    return all.promise;
  };
}

async function using<T>(
  options: KafkaSinkOptions,
  ask: (sink: KafkaSink) => Promise<T>,
): Promise<T> {
  const sink = new KafkaSink(options, systemClock, Math.random);
  try {
    await sink.open();
    return await ask(sink);
  } finally {
    await sink.close();
  }
}

/** Of this file alone: the broker and its transactional ids are other files' too. */
const taskOf = ({ stateTopic }: KafkaSinkOptions, name: string) =>
  ({ pipeline: `${name}-${stateTopic}`, task: "0" }) as const;

const takenBy = (options: KafkaSinkOptions, name: string): Promise<Takeover> =>
  using(options, (sink) => sink.takeOver({ ...taskOf(options, name), lanes: 1 }));

const forgottenBy = (options: KafkaSinkOptions, name: string): Promise<boolean> =>
  using(options, (sink) => sink.forgetTask(taskOf(options, name)));

function optionsOf(
  { bootstrap, prefix }: SharedKafka,
  exactlyOnce = true,
  transactionsV2 = true,
): KafkaSinkOptions {
  const options = sinkOptions(bootstrap, prefix);
  return { ...options, exactlyOnce, cluster: { ...options.cluster, transactionsV2 } };
}

it.each([
  { exactlyOnce: true, transactionsV2: true },
  { exactlyOnce: true, transactionsV2: false },
  { exactlyOnce: false, transactionsV2: true },
])(
  "of four pipelines that begin in it in the same instant one gets it: exactly once $exactlyOnce, transactions of the second kind $transactionsV2",
  async ({ exactlyOnce, transactionsV2 }) => {
    await using kafka = await sharedKafka();
    const options = optionsOf(kafka, exactlyOnce, transactionsV2);
    const [sent, ended] = [meetingOf(4), meetingOf(4)];
    comeBetween({
      produce: () => async (ask) => {
        await sent();
        return ask();
      },
      endTxn: async (ask) => {
        const answer = await ask();
        await ended();
        return answer;
      },
    });
    const names = ["one", "two", "three", "four"];
    const taken = await Promise.allSettled(names.map((name) => takenBy(options, name)));
    const winners = names.filter((_, i) => taken[i]?.status === "fulfilled");
    expect(winners).toHaveLength(1);
    const [winner = ""] = winners;
    const losers = names.filter((name) => name !== winner);
    const refused = expect.objectContaining({
      ...REFUSED,
      detail: expect.stringContaining(winner),
    });
    const reasons = taken.flatMap((each): unknown[] =>
      each.status === "rejected" ? [each.reason] : [],
    );
    expect(reasons).toEqual([refused, refused, refused]);
    for (const name of losers) await expect(takenBy(options, name)).rejects.toEqual(refused);
    await takenBy(options, winner);
    // Nobody's claim is left behind.
    for (const name of losers) {
      await forgottenBy(options, [winner, ...losers][losers.indexOf(name)] ?? "");
      await takenBy(options, name);
    }
  },
);

it("one that has seen nothing in it, and writes when another one is in, is refused", async () => {
  await using kafka = await sharedKafka();
  const options = optionsOf(kafka);
  const writes = Promise.withResolvers<void>();
  const otherIsIn = Promise.withResolvers<void>();
  let sent = 0;
  comeBetween({
    produce: () =>
      ++sent > 1
        ? undefined
        : async (ask) => {
            writes.resolve();
            await otherIsIn.promise;
            return ask();
          },
  });
  const late = takenBy(options, "late");
  await writes.promise;
  await takenBy(options, "other").finally(otherIsIn.resolve);
  await expect(late).rejects.toMatchObject(REFUSED);
  await takenBy(options, "other");
});

it("a claim that is decided late counts by its place: who claimed behind it waits", async () => {
  await using kafka = await sharedKafka();
  const options = optionsOf(kafka);
  const hasClaimed = Promise.withResolvers<void>();
  const secondTakes = Promise.withResolvers<void>();
  const firstIsIn = Promise.withResolvers<void>();
  let [sent, ended] = [0, 0];
  comeBetween({
    // Two claims, then what follows: the first's takeover, and what the second one sends meanwhile.
    produce: () => (++sent === 3 && !hasDecided ? holdBack : undefined),
    endTxn: async (ask) => {
      if (++ended > 1) return ask();
      hasClaimed.resolve();
      await Promise.race([secondTakes.promise, systemClock.sleep(3_000)]);
      hasDecided = true;
      return ask();
    },
  });
  let hasDecided = false;
  const holdBack = async <T>(ask: () => Promise<T>): Promise<T> => {
    secondTakes.resolve();
    await firstIsIn.promise;
    return ask();
  };
  const first = takenBy(options, "first").finally(firstIsIn.resolve);
  await hasClaimed.promise;
  const second = takenBy(options, "second");
  await expect(second).rejects.toMatchObject(REFUSED);
  await first;
});

it("one that died behind its claim keeps the topic until it comes again, or is taken out of it", async () => {
  await using kafka = await sharedKafka();
  const options = optionsOf(kafka);
  let sent = 0;
  const dead = new KafkaFault("config", "DEAD", "it is dead");
  comeBetween({ produce: () => (++sent === 2 ? () => Promise.reject(dead) : undefined) });
  await expect(takenBy(options, "one")).rejects.toThrow(/it is dead/);
  const refused = expect.objectContaining({
    ...REFUSED,
    detail: expect.stringMatching(/claimed it for one-.*, which begins in it/),
  });
  await expect(takenBy(options, "two")).rejects.toEqual(refused);
  expect(await forgottenBy(options, "one")).toBe(true);
  await takenBy(options, "two");
});
