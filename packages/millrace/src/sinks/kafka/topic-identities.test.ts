import { describe, expect, it } from "vitest";
import { Cluster, type TopicFacts } from "../../kafka/cluster.ts";
import type { Clock } from "../../model/ports.ts";
import { ITEM } from "./held-task.fixture.ts";
import { sinkOptions } from "./kafka-sink.fixture.ts";
import { Topics } from "./topics.ts";

const NAME = "public.item";
const OF_ITEM = new Set([ITEM.id]);

/** Time passes by sleeping alone. */
function sleeping(): Clock {
  let ms = 0;
  const sleep = async (forMs: number): Promise<void> => void (ms += forMs);
  return { now: () => ms, monotonic: () => ms, sleep };
}

/** Brokers that give these ids, one look after the other; null: the one that is asked does not know the topic. */
class Brokers extends Cluster {
  asked = 0;
  readonly #ids: readonly (string | null)[];

  constructor(ids: readonly (string | null)[]) {
    super({ ...sinkOptions("localhost:1", "").cluster, clock: sleeping() });
    this.#ids = ids;
  }

  override topics(names: readonly string[]): Promise<ReadonlyMap<string, TopicFacts | null>> {
    const id = this.#ids[Math.min(this.asked++, this.#ids.length - 1)] ?? null;
    const factsOf = (name: string): TopicFacts | null =>
      id === null ? null : { name, id, isInternal: false, leaders: [1], replicas: 1 };
    return Promise.resolve(new Map(names.map((name) => [name, factsOf(name)])));
  }
}

function topicsOf(cluster: Cluster): Topics {
  return new Topics(cluster, sinkOptions("localhost:1", "").topics, 1_000);
}

describe("the topic of a table that was written", () => {
  it("is not gone where the broker that is asked has not heard of it yet", async () => {
    const brokers = new Brokers([null, null, null, "id-1"]);
    const found = await topicsOf(brokers).identify([ITEM], OF_ITEM);
    expect([...found]).toEqual([[ITEM.id, "id-1"]]);
  });

  it("is gone where nobody knows it for some time", async () => {
    const brokers = new Brokers([null]);
    expect([...(await topicsOf(brokers).identify([ITEM], OF_ITEM))]).toEqual([]);
    expect(brokers.asked).toBeGreaterThan(3);
  });

  it("is there without a number where its brokers give none", async () => {
    const brokers = new Brokers(["00000000-0000-0000-0000-000000000000"]);
    expect([...(await topicsOf(brokers).identify([ITEM], OF_ITEM))]).toEqual([[ITEM.id, ""]]);
  });
});

it("the topic of a table that was not written is not waited for", async () => {
  const brokers = new Brokers([null]);
  expect([...(await topicsOf(brokers).identify([ITEM], new Set()))]).toEqual([]);
  expect(brokers.asked).toBe(1);
  expect(topicsOf(brokers).wouldBe(ITEM)).toBe(NAME);
});
