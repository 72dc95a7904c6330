import { describe, expect, it } from "vitest";
import type { Clock } from "../../model/ports.ts";
import type { TableDescription } from "./api.ts";
import { ReadRate } from "./read-rate.ts";

const LIMITS = { capacityShare: 0.5, maxUnits: null, consistent: true };
const never = new AbortController().signal;

/** Time that passes only while somebody sleeps. */
class SleepingClock implements Clock {
  ms = 0;
  now = (): number => this.ms;
  monotonic = (): number => this.ms;
  sleep = (ms: number): Promise<void> => {
    this.ms += ms;
    return Promise.resolve();
  };
}

function described(more: Partial<TableDescription>): TableDescription {
  return {
    readUnits: 0,
    maxReadUnits: null,
    itemCount: 0,
    sizeBytes: 0,
    ...more,
  } as TableDescription;
}

describe("the rate of a scan", () => {
  it("is half of what is provisioned, and follows when that changes", () => {
    const rate = new ReadRate(LIMITS, new SleepingClock());
    rate.described(described({ readUnits: 100 }));
    expect(rate.unitsPerSecond).toBe(50);
    rate.described(described({ readUnits: 400 }));
    expect(rate.unitsPerSecond).toBe(200);
  });

  it("of an on-demand table is never without a bound", () => {
    const rate = new ReadRate(LIMITS, new SleepingClock());
    rate.described(described({}));
    expect(rate.unitsPerSecond).toBe(6_000);
    rate.described(described({ maxReadUnits: 1_000 }));
    expect(rate.unitsPerSecond).toBe(500);
  });

  it("is bounded by what the file says", () => {
    const rate = new ReadRate({ ...LIMITS, maxUnits: 30 }, new SleepingClock());
    rate.described(described({ readUnits: 1_000 }));
    expect(rate.unitsPerSecond).toBe(30);
  });

  it("lets pages through as they are paid, whoever asks", async () => {
    const clock = new SleepingClock();
    const rate = new ReadRate(LIMITS, clock);
    rate.described(described({ readUnits: 100 }));
    const worker = async (): Promise<void> => {
      for (let page = 0; page < 50; page++) {
        await rate.paid(never);
        rate.took(10);
      }
    };
    await Promise.all([worker(), worker()]);
    // 1,000 units at 50 a second, of which the last pages are not paid yet.
    expect(clock.ms).toBeGreaterThan(19_000);
    expect(clock.ms).toBeLessThan(21_000);
  });

  it("halves with each refusal, and comes back in time", async () => {
    const clock = new SleepingClock();
    const rate = new ReadRate(LIMITS, clock);
    rate.described(described({ readUnits: 100 }));
    rate.refused();
    expect(rate.unitsPerSecond).toBe(25);
    rate.refused();
    expect(rate.unitsPerSecond).toBe(12.5);
    expect(rate.refusedMs).not.toBeNull();
    const before = clock.ms;
    await rate.paid(never);
    expect(clock.ms).toBeGreaterThan(before + 500);
    await clock.sleep(60_000);
    await rate.paid(never);
    expect(rate.unitsPerSecond).toBe(50);
    expect(rate.refusedMs).toBeNull();
  });

  it("asks for pages that take about a second", () => {
    const rate = new ReadRate(LIMITS, new SleepingClock());
    const sizes = { itemCount: 1_000, sizeBytes: 1_000 * 1_024 };
    rate.described(described({ readUnits: 10, ...sizes }));
    // Five units are 20 KiB of consistent reads.
    expect(rate.itemsPerPage(described(sizes))).toBe(20);
    expect(rate.itemsPerPage(described({ itemCount: 1, sizeBytes: 400 * 1_024 }))).toBe(1);
    rate.described(described({ readUnits: 10_000, ...sizes }));
    expect(rate.itemsPerPage(described(sizes))).toBeUndefined();
  });
});
