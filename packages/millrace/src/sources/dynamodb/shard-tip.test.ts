import { describe, expect, it } from "vitest";
import { ShardTip } from "./shard-tip.ts";

const HOUR_MS = 3_600_000;
const NOW = 1_790_000_000_000;

/** Empty answers, one a second, until the tip is proven; how many that took. */
function answersUntilProven(tip: ShardTip, fromMs = 0): number {
  for (let count = 1; count <= 1_000; count++)
    if (tip.empty(NOW + fromMs + count * 1_000, fromMs + count * 1_000) !== null) return count;
  throw new Error("it is never proven");
}

describe("a shard's tip", () => {
  it("takes more empty answers the more of its life nothing is known of", () => {
    const agesMs = [0, 30_000, 10 * 60_000, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, Infinity];
    expect(agesMs.map((ageMs) => answersUntilProven(new ShardTip(NOW - ageMs)))).toEqual([
      2, 2, 3, 8, 14, 20, 20,
    ]);
  });

  it("is where two answers are empty a second apart once it was there", () => {
    const tip = new ShardTip(NOW - 4 * HOUR_MS);
    expect(answersUntilProven(tip)).toBe(20);
    expect(tip.isProven).toBe(true);
    expect(tip.empty(NOW + 30_000, 30_000)).toBe(NOW + 20_000);
    expect(tip.empty(NOW + 40_000, 40_000)).toBe(NOW + 30_000);
    // Less than a second apart they say nothing new.
    expect(tip.empty(NOW + 40_500, 40_500)).toBeNull();
    expect(tip.isProven).toBe(true);
  });

  it("is to be proven again behind a record, by as much as that is old", () => {
    const tip = new ShardTip(NOW - 4 * HOUR_MS);
    for (let count = 1; count < 20; count++) tip.empty(NOW + count * 1_000, count * 1_000);
    tip.passed(NOW - 2 * HOUR_MS);
    expect(tip.isProven).toBe(false);
    expect(answersUntilProven(tip, 20_000)).toBe(14);
    tip.passed(NOW + 30_000);
    expect(answersUntilProven(tip, 40_000)).toBe(2);
  });
});
