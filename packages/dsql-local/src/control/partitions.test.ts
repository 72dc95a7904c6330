import { describe, expect, it } from "vitest";
import { Partitions } from "./partitions.ts";

describe("a cold table", () => {
  const rows = (count: number): ReadonlyMap<string, number> => new Map([["public.t", count]]);

  it("takes so many rows a second, and others are not held up", () => {
    let nowMs = 0;
    const partitions = new Partitions(() => nowMs);
    expect(partitions.delayMs(rows(5_000))).toBe(0);
    partitions.set({ rowsPerSecond: 1_000, doublesAfterMs: 0 });
    expect(partitions.delayMs(rows(500))).toBe(500);
    expect(partitions.delayMs(rows(500))).toBe(1_000);
    expect(partitions.delayMs(new Map([["public.u", 100]]))).toBe(100);
    nowMs = 2_000;
    expect(partitions.delayMs(rows(500))).toBe(500);
  });

  it("takes twice as much after it has been hot for long enough, and no more after a rest", () => {
    let nowMs = 0;
    const partitions = new Partitions(() => nowMs);
    partitions.set({ rowsPerSecond: 1_000, doublesAfterMs: 1_000 });
    partitions.delayMs(rows(3_000));
    nowMs = 1_000;
    expect(partitions.delayMs(rows(1_000))).toBe(2_500);
    nowMs = 1_500;
    expect(partitions.delayMs(rows(2_000))).toBe(3_000);
    nowMs = 10_000;
    expect(partitions.delayMs(rows(2_000))).toBe(1_000);
    nowMs = 10_500;
    expect(partitions.delayMs(rows(2_000))).toBe(1_500);
  });

  it("is cold again when the bound is set anew", () => {
    const partitions = new Partitions(() => 0);
    partitions.set({ rowsPerSecond: 1_000, doublesAfterMs: 1 });
    partitions.delayMs(rows(1_000));
    partitions.set({ rowsPerSecond: 1_000, doublesAfterMs: 1 });
    expect(partitions.delayMs(rows(1_000))).toBe(1_000);
  });
});
