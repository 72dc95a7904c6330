import { absolute, atMost, beside, type Figure } from "./report.ts";

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What many latencies come to. */
export function latencyOf(each: readonly number[]): Latency {
  const sorted = each.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** With goals for p50 and p99, milliseconds; `bare` is what a bare copy of the same commits takes. */
export function latencyFigures(
  name: string,
  latency: Latency,
  p50: number,
  p99: number,
  bare?: Latency,
): Figure[] {
  const figures = {
    p50: atMost(`${name}, p50`, latency.p50, "ms", p50),
    p99: atMost(`${name}, p99`, latency.p99, "ms", p99),
    max: absolute(`${name}, longest`, latency.max, "ms"),
  };
  if (bare === undefined) return Object.values(figures);
  return (["p50", "p99", "max"] as const).map((at) => beside(bare[at], figures[at]));
}
