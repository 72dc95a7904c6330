import { describe, expect, it } from "vitest";
import { LoadPace, TransactionTimes } from "./load-pace.ts";

function paceOf(aloneMs: number, rowMs: number) {
  let nowMs = 0;
  const times = new TransactionTimes();
  const lane = () => new LoadPace({ monotonic: () => nowMs }, times);
  const pace = lane();
  const commit = (rows: number): number => aloneMs + rows * rowMs;
  return {
    pace,
    /** That of another lane, through which no changes come. */
    other: lane(),
    later: (ms: number) => (nowMs += ms),
    /** Transactions of both kinds in turn. */
    work: (often: number) => {
      for (let i = 0; i < often; i++) {
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

  it("adds less to each transaction of a load that gives way, in lanes without changes too", () => {
    const { pace, other, work } = paceOf(1, 0.01);
    work(50);
    const asked = [pace.rows(3_000), pace.rows(3_000, true), other.rows(3_000, true)];
    expect(asked.map((rows) => Math.round(rows / 100))).toEqual([5, 2, 2]);
    expect(other.rows(3_000)).toBe(3_000);
  });

  it("is that of a sink far away in lanes without changes too, once one lane knows", () => {
    const { other, work } = paceOf(45, 0.02);
    expect(other.rows(3_000, true)).toBe(100);
    work(50);
    expect(other.rows(3_000, true)).toBeGreaterThan(1_800);
  });

  it("never goes below what is worth a transaction", () => {
    const { pace, work } = paceOf(2, 3);
    work(50);
    expect(pace.rows(3_000)).toBe(100);
    expect(pace.rows(10)).toBe(10);
  });
});
