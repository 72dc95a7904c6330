import { expect, it } from "vitest";
import type { Clock } from "../model/ports.ts";
import { UnreachedBrokers } from "./unreached-brokers.ts";

it("tells of brokers that are tried in vain for a while, until one is reached or nobody tries it any more", () => {
  let nowMs = 0;
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, sleep: () => Promise.resolve() };
  const brokers = new UnreachedBrokers(clock);
  const [one, other] = [
    { host: "one", port: 9092 },
    { host: "other", port: 9092 },
  ];
  const gone = new Error("nobody listens");
  brokers.failed(one, gone);
  brokers.failed(other, gone);
  expect(brokers.list()).toEqual([]);
  nowMs = 2_000;
  brokers.failed(one, gone);
  expect(brokers.list()).toHaveLength(2);
  brokers.reached(other);
  expect(brokers.list()).toEqual([{ why: "nobody listens", sinceMs: 0 }]);
  nowMs = 7_000;
  expect(brokers.list()).toEqual([]);
});
