import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { systemClock } from "../model/ports.ts";
import { tableId } from "../model/table.ts";
import { LoadControl } from "./load-control.ts";
import { Outage } from "./outage.ts";
import { allWaits, Waits } from "./waits.ts";

const T = tableId("s", "t");
const LOCKED = { what: "table", reason: "locked", table: T, why: "it is locked" } as const;

function ticking() {
  const state = { nowMs: 0 };
  return { state, clock: { ...systemClock, now: () => state.nowMs, monotonic: () => state.nowMs } };
}

describe("what a task waits for", () => {
  it("is news once, and again for another reason, and has begun when it began", () => {
    const { state, clock } = ticking();
    const waits = new Waits(clock);
    expect(waits.begin("a", LOCKED)).toBe(true);
    state.nowMs = 5;
    expect(waits.begin("a", LOCKED)).toBe(false);
    expect(waits.begin("a", { ...LOCKED, why: "it is gone" })).toBe(true);
    expect(waits.list()).toEqual([{ ...LOCKED, why: "it is gone", sinceMs: 0 }]);
    waits.end("a");
    expect(waits.list()).toEqual([]);
    expect(waits.begin("a", LOCKED)).toBe(true);
    expect(waits.list()).toEqual([{ ...LOCKED, sinceMs: 5 }]);
  });

  it("is over with the run that it belongs to", () => {
    const waits = new Waits(ticking().clock);
    const run = new AbortController();
    waits.begin("a", LOCKED, run.signal);
    waits.begin("b", LOCKED);
    expect(waits.list()).toHaveLength(2);
    run.abort();
    expect(waits.list()).toHaveLength(1);
    expect(waits.begin("a", LOCKED)).toBe(true);
  });

  it("is told together: what is retried, the source's waits, the load's, the tables'", async () => {
    const { state, clock } = ticking();
    const outage = new Outage({ clock, tell: () => undefined });
    const load = new LoadControl({ maxRowsPerSecond: 1, maxBytesPerSecond: null }, clock);
    const waits = new Waits(clock);
    const held = { what: "log", reason: "held", why: "the server holds it", sinceMs: 1 } as const;
    const source = { waits: () => [held] };
    const quota = { reason: "throttled", why: "a broker holds it back", sinceMs: 2 };
    const sink = { waits: () => [quota] };
    expect(allWaits({ waits, source: {}, sink: {}, load, outage })).toEqual([]);
    state.nowMs = 7;
    waits.begin("a", LOCKED);
    load.pause("the source keeps too much");
    state.nowMs = 8;
    load.pause("the source keeps even more");
    load.rate.took(10, 0);
    const stop = new AbortController();
    const waiting = load.rate.paid(stop.signal).catch(() => undefined);
    outage.failed(new MillraceError("MR_SINK_LOST_CONNECTION", "the disk is full"), 100);
    expect(allWaits({ waits, source, sink, load, outage })).toEqual([
      expect.objectContaining({ what: "pipeline", reason: "MR_SINK_LOST_CONNECTION", sinceMs: 8 }),
      { ...quota, what: "pipeline", table: null },
      { ...held, table: null },
      {
        what: "load",
        reason: "retention",
        table: null,
        why: "the source keeps even more",
        sinceMs: 7,
      },
      expect.objectContaining({ what: "load", reason: "rate", sinceMs: 8 }),
      { ...LOCKED, sinceMs: 7 },
    ]);
    stop.abort();
    await waiting;
    expect(
      allWaits({ waits, source, sink, load, outage }).map(({ reason }) => reason),
    ).not.toContain("rate");
  });
});
