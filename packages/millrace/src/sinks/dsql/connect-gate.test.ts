import { describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import { ConnectGate } from "./connect-gate.ts";

/** Time that passes only by sleeping. */
function virtualClock(): Clock & { slept: number[] } {
  let now = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => {
      slept.push(ms);
      now += ms;
      return Promise.resolve();
    },
  };
}

describe("the connect gate", () => {
  it("lets a burst through and then keeps the pace", async () => {
    const clock = virtualClock();
    const gate = new ConnectGate({ perSecond: 10, burst: 3 }, { clock, random: () => 0 });
    for (let i = 0; i < 6; i++) await gate.pass();
    expect(clock.slept).toEqual([100, 100, 100]);
  });

  it("lines up waiters that come together, each later than the one before", async () => {
    const clock = virtualClock();
    const waits: number[] = [];
    const sleep = (ms: number) => {
      waits.push(ms);
      return Promise.resolve();
    };
    const still: Clock = { ...clock, sleep };
    const gate = new ConnectGate({ perSecond: 100, burst: 1 }, { clock: still, random: () => 0.5 });
    await Promise.all(Array.from({ length: 4 }, () => gate.pass()));
    expect(waits.map((ms) => Math.round(ms * 10) / 10)).toEqual([10.5, 21, 31.5]);
  });
});
