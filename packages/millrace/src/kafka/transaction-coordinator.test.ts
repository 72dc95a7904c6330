import {
  apiVersionsV3,
  describeTransactionsV0,
  findCoordinatorV4,
  initProducerIdV4,
  metadataV11,
  ResponseError,
} from "@platformatic/kafka";
import { expect, it } from "vitest";
import type { Clock } from "../model/ports.ts";
import { linkThat } from "./broker-link.fixture.ts";
import { Cluster } from "./cluster.ts";
import { faultFrom } from "./fault-from.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";

const HELD_MS = 500;
const CONCURRENT_TRANSACTIONS = 51;
const BROKER = { nodeId: 1, host: "h", port: 1 };
const NOBODY = { producerId: -1n, producerEpoch: -1 };

/** As the library throws what holds an error: the answer itself is in it. */
function refusal(api: number, version: number): Error {
  const answer = { throttleTimeMs: HELD_MS };
  return new ResponseError(api, version, { "/": [CONCURRENT_TRANSACTIONS, null] }, answer);
}

/** A broker that coordinates, and refuses the first question of each kind, with a quota's rest in its answer; when it was asked, by kind. */
function coordinating() {
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      await Promise.resolve();
    },
  };
  const askedMs = new Map<string, number[]>();
  const refusedOnce = (kind: string, thrown: Error, answer: unknown): unknown => {
    const times = askedMs.get(kind) ?? [];
    askedMs.set(kind, [...times, nowMs]);
    if (times.length === 0) throw faultFrom(thrown, "h:1");
    return answer;
  };
  const apiKeys = Array.from({ length: 80 }, (_, apiKey) => {
    return { apiKey, minVersion: 0, maxVersion: 20 };
  });
  const answers = new Map<unknown, () => unknown>([
    [apiVersionsV3.api, () => ({ apiKeys, finalizedFeatures: [] })],
    [
      metadataV11.api,
      () => ({ clusterId: "c", controllerId: 1, brokers: [BROKER], topics: [], throttleTimeMs: 0 }),
    ],
    [findCoordinatorV4.api, () => ({ coordinators: [{ ...BROKER, errorCode: 0 }] })],
    [
      initProducerIdV4.api,
      () =>
        refusedOnce("initialised", refusal(22, 4), {
          producerId: 1n,
          producerEpoch: 0,
          throttleTimeMs: 0,
        }),
    ],
    [
      describeTransactionsV0.api,
      () =>
        refusedOnce("ended", refusal(65, 0), {
          transactionStates: [],
          throttleTimeMs: 0,
        }),
    ],
  ]);
  const link = linkThat((api) => answers.get(api)?.());
  const cluster = new Cluster({
    bootstrap: [BROKER],
    clientId: "test",
    tls: null,
    sasl: null,
    connectTimeoutMs: 1_000,
    requestTimeoutMs: 1_000,
    clock,
    open: () => Promise.resolve(link),
  });
  let toldMs = 0;
  const options = {
    transactionalId: "t",
    transactional: true,
    compression: "none",
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 60_000,
    acknowledgeTimeoutMs: 1_000,
    throttled: (ms: number) => (toldMs += ms),
  } as const;
  const open = new OpenTransaction(clock, options);
  const coordinator = new TransactionCoordinator(cluster, options, open);
  return { coordinator, askedMs, toldMs: () => toldMs };
}

it("a coordinator that has refused, and reads nothing for a while, is asked behind that", async () => {
  const { coordinator, askedMs, toldMs } = coordinating();
  await coordinator.initialised(NOBODY);
  expect(askedMs.get("initialised")).toEqual([0, HELD_MS]);
  expect(toldMs()).toBe(HELD_MS);
});

it("one that has refused to say what became of a transaction reads nothing for a while, too", async () => {
  const { coordinator, toldMs } = coordinating();
  await coordinator.untilEnded();
  expect([coordinator.restMs, toldMs()]).toEqual([HELD_MS, HELD_MS]);
});
