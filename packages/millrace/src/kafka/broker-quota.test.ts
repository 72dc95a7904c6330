import { describe, expect, it } from "vitest";
import type { Clock } from "../model/ports.ts";
import { BrokerQuota } from "./broker-quota.ts";

function ticking() {
  const state = { nowMs: 1_000 };
  const now = () => state.nowMs;
  const clock: Clock = { now, monotonic: now, sleep: () => Promise.resolve() };
  return { state, quota: new BrokerQuota(clock) };
}

describe("a quota of a broker", () => {
  it("is as long as the broker's last answer says, and over with one that says nothing", () => {
    const { state, quota } = ticking();
    expect([quota.restMs(1), quota.list()]).toEqual([0, []]);
    quota.answered(1, 500);
    state.nowMs = 1_200;
    expect([quota.restMs(1), quota.restMs(2)]).toEqual([300, 0]);
    quota.answered(1, 400);
    expect(quota.list()).toEqual([{ node: 1, sinceMs: 1_000, restMs: 400 }]);
    state.nowMs = 9_000;
    expect([quota.restMs(1), quota.list()]).toEqual([0, []]);
    quota.answered(1, 0);
    expect(quota.list()).toEqual([]);
  });

  it("lets one request through at a time where it holds the client back, whatever became of the last", async () => {
    const { quota } = ticking();
    const begun: string[] = [];
    const first = Promise.withResolvers<void>();
    const work = (name: string, until?: Promise<void>) => () => {
      begun.push(name);
      return until ?? Promise.resolve();
    };
    await Promise.all([quota.inTurn(1, work("a")), quota.inTurn(1, work("b"))]);
    expect(begun).toEqual(["a", "b"]);
    quota.answered(1, 500);
    const failing = quota.inTurn(1, work("c", first.promise)).catch(() => undefined);
    const behind = quota.inTurn(1, work("d"));
    await quota.inTurn(2, work("other broker"));
    expect(begun).toEqual(["a", "b", "other broker", "c"]);
    first.reject(new Error("lost"));
    await Promise.all([failing, behind]);
    expect(begun.at(-1)).toBe("d");
  });
});
