import { describe, expect, it } from "vitest";
import { RetentionTrend } from "./retention-trend.ts";

/** Looks every two seconds. */
function trendOf(bytesAt: (seconds: number) => number, seconds: number): RetentionTrend {
  const trend = new RetentionTrend();
  for (let at = 0; at <= seconds; at += 2) trend.add(bytesAt(at), at * 1_000);
  return trend;
}

describe("how long until a limit", () => {
  it("is what the pace of the last minutes says", () => {
    const trend = trendOf((s) => 1_000 * s, 100);
    expect(trend.secondsUntil(400_000)).toBeCloseTo(300, 5);
  });

  it("is nothing while what is kept goes up and down like a saw", () => {
    const trend = trendOf((s) => 5_000 * (s % 15), 300);
    expect(trend.secondsUntil(100_000)).toBeNull();
  });

  it("sees growth beneath a saw", () => {
    const trend = trendOf((s) => 5_000 * (s % 15) + 1_000 * s, 300);
    const seconds = trend.secondsUntil(1_000_000) ?? Number.NaN;
    expect([seconds > 500, seconds < 800]).toEqual([true, true]);
  });

  it("is nothing while it shrinks, is not known yet, or is months away", () => {
    expect(trendOf((s) => 1_000_000 - s, 100).secondsUntil(2_000_000)).toBeNull();
    expect(trendOf((s) => 1_000 * s, 10).secondsUntil(1_000_000)).toBeNull();
    expect(trendOf((s) => s, 100).secondsUntil(1e12)).toBeNull();
    expect(new RetentionTrend().secondsUntil(1)).toBeNull();
  });

  it("is now where the limit is met, however few looks there were", () => {
    expect(trendOf(() => 500, 0).secondsUntil(500)).toBe(0);
  });

  it("forgets what was more than minutes ago, and all when the log begins anew", () => {
    const trend = trendOf((s) => (s < 1_000 ? 1_000 * s : 1_000_000), 2_000);
    expect(trend.secondsUntil(2_000_000)).toBeNull();
    const other = trendOf((s) => 1_000 * s, 100);
    other.forget();
    expect(other.secondsUntil(400_000)).toBeNull();
  });
});
