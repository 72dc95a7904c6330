import { describe, expect, it } from "vitest";
import { LoadPace } from "./load-pace.ts";

function paceOf(aloneMs: number, rowMs: number) {
  let nowMs = 0;
  const pace = new LoadPace({ monotonic: () => nowMs });
  const commit = (rows: number): number => aloneMs + rows * rowMs;
  return {
    pace,
    later: (ms: number) => (nowMs += ms),
    /** Transactions of both kinds in turn. */
    work: (times: number) => {
      for (let i = 0; i < times; i++) {
        pace.changes(3, commit(3));
        const rows = pace.rows(3_000);
        pace.load(rows, commit(rows));
      }
    },
  };
}

describe("the pace of a load", () => {
  it("is all that fits while no changes come", () => {
    const { pace, later } = paceOf(2, 0.02);
    pace.load(3_000, 62);
    expect(pace.rows(3_000)).toBe(3_000);
    pace.changes(1, 2);
    expect(pace.rows(3_000)).toBeLessThan(3_000);
    later(1_000);
    expect(pace.rows(3_000)).toBe(3_000);
  });

  it("adds a few milliseconds to a transaction of a sink that is near", () => {
    const { pace, work } = paceOf(2, 0.02);
    work(50);
    expect(pace.rows(3_000)).toBeGreaterThan(200);
    expect(pace.rows(3_000)).toBeLessThan(300);
  });

  it("doubles one of a sink that is far away, where small ones would starve the load", () => {
    const { pace, work } = paceOf(45, 0.02);
    work(50);
    expect(pace.rows(3_000)).toBeGreaterThan(1_800);
    expect(pace.rows(1_000)).toBe(1_000);
  });

  it("never goes below what is worth a transaction", () => {
    const { pace, work } = paceOf(2, 3);
    work(50);
    expect(pace.rows(3_000)).toBe(100);
    expect(pace.rows(10)).toBe(10);
  });
});
