import { describe, expect, it } from "vitest";
import type { BrokerConnection } from "../../kafka/broker-connection.ts";
import type { BrokerAbilities } from "../../kafka/abilities.ts";
import { Cluster, type Purpose } from "../../kafka/cluster.ts";
import { KafkaFault } from "../../kafka/kafka-fault.ts";
import { systemClock } from "../../model/ports.ts";
import { PartitionLog } from "./log.ts";
import { ReadEpochs } from "./read-epochs.ts";
import type { MessageItems } from "./message-items.ts";

/** A broker that says these one after the other, and nothing else. */
class Broker extends Cluster {
  readonly #says: KafkaFault[];

  constructor(...says: KafkaFault[]) {
    super({
      bootstrap: [],
      clientId: "test",
      tls: null,
      sasl: null,
      connectTimeoutMs: 1,
      requestTimeoutMs: 1,
      clock: systemClock,
    });
    this.#says = says;
  }

  override leader(): Promise<number> {
    return Promise.resolve(0);
  }

  override abilities(): Promise<BrokerAbilities> {
    const versions = { produceVersion: 12, producesById: false, endTxnVersion: 5 };
    return Promise.resolve({
      ...versions,
      transactionsV2: true,
      fetchesById: true,
      tellsEpochs: true,
    });
  }

  override connection(_node: number, purpose: Purpose): Promise<BrokerConnection> {
    // Where the partition begins it does not say.
    if (purpose === "control") return Promise.reject(new Error("not in this test"));
    return Promise.reject(this.#says.shift() ?? new Error("not in this test"));
  }
}

/** One that is there and answers nothing. */
class SilentBroker extends Broker {
  override connection(): Promise<never> {
    return new Promise(() => undefined);
  }
}

function logOf(cluster: Cluster, ids: readonly (string | null)[]): PartitionLog {
  const left = [...ids];
  return new PartitionLog({
    cluster,
    at: { topic: "orders", partition: 0 },
    from: [9, 2],
    items: {} as MessageItems,
    clock: systemClock,
    fetchBytes: 1,
    fetchWaitMs: 1,
    mayPass: () => false,
    told: () => undefined,
    fetched: () => undefined,
    acknowledged: () => undefined,
    topicIdNow: () => Promise.resolve(left.shift() ?? null),
    topicId: "old",
    epochs: new ReadEpochs(),
  });
}

describe("the log of a partition", () => {
  const gone = new KafkaFault("missing", "UNKNOWN_TOPIC_OR_PARTITION", "not there");
  const moved = new KafkaFault("stale", "NOT_LEADER_OR_FOLLOWER", "moved");
  const refused = new KafkaFault("config", "INVALID_REQUEST", "refused");

  it("does not go on in another topic of the same name, however soon that is there", async () => {
    for (const first of [gone, moved]) {
      const log = logOf(new Broker(first, refused), ["new"]);
      await expect(log.next()).rejects.toMatchObject({ code: "MR_SOURCE_LOSS" });
    }
  });

  it("waits for nobody once it is closed, while it looks back neither", async () => {
    const log = logOf(new SilentBroker(), []);
    const next = log.next();
    await log.close();
    await expect(next).rejects.toThrow(/was closed/);
  });

  it("goes on in the same one", async () => {
    const log = logOf(new Broker(moved, gone, refused), ["old", null]);
    await expect(log.next()).rejects.toMatchObject({ code: "MR_SOURCE_REFUSED" });
  });
});
