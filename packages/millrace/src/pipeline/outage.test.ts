import { describe, expect, it } from "vitest";
import { MillraceError } from "../errors/millrace-error.ts";
import { systemClock } from "../model/ports.ts";
import { Outage } from "./outage.ts";
import type { TaskEvent } from "./status.ts";

const gone = new MillraceError("MR_SINK_LOST_CONNECTION", "nothing listens");
const conflict = new MillraceError("MR_SINK_CONFLICT", "a row changed");
const misfit = new MillraceError("MR_SINK_SCHEMA", "a column is missing");

function watched() {
  const told: TaskEvent[] = [];
  const time = { ms: 1000, jumpMs: 0 };
  const clock = { ...systemClock, now: () => time.ms + time.jumpMs, monotonic: () => time.ms };
  return { told, time, outage: new Outage({ clock, tell: (event) => void told.push(event) }) };
}

describe("an outage", () => {
  it("is told at the first failure, then at most every 30 s, and when it is over (I11)", () => {
    const { told, time, outage } = watched();
    for (let second = 0; second < 65; second++) {
      outage.failed(gone, 500);
      time.ms += 1000;
    }
    outage.committed();
    expect(told.map((event) => [event.type, "attempt" in event ? event.attempt : null])).toEqual([
      ["retry", 1],
      ["retry", 31],
      ["retry", 61],
      ["recovered", null],
    ]);
    expect(told.at(-1)).toEqual({
      type: "recovered",
      code: "MR_SINK_LOST_CONNECTION",
      attempts: 65,
      lastedMs: 65_000,
    });
  });

  it.each([-7_200_000, 7_200_000])(
    "is told and measured by a clock that does not jump (%i ms)",
    (jumpMs) => {
      const { told, time, outage } = watched();
      outage.failed(gone, 500);
      time.jumpMs = jumpMs;
      time.ms += 31_000;
      outage.failed(gone, 500);
      time.ms += 1_000;
      outage.failed(gone, 500);
      outage.over();
      expect(told.map(({ type }) => type)).toEqual(["retry", "retry", "recovered"]);
      expect(told.at(-1)).toMatchObject({ lastedMs: 32_000 });
    },
  );

  it("shows code, since when, how often and when next, until it is over", () => {
    const { time, outage } = watched();
    expect(outage.current).toBeNull();
    outage.failed(gone, 100);
    time.ms += 400;
    outage.failed(gone, 5000);
    expect(outage.current).toEqual({
      code: "MR_SINK_LOST_CONNECTION",
      message: "MR_SINK_LOST_CONNECTION: nothing listens",
      remedy: gone.remedy,
      sinceMs: 1000,
      attempts: 2,
      nextTryMs: 6400,
    });
    outage.over();
    expect(outage.current).toBeNull();
  });

  it("that comes back within 30 s is shown but not told again", () => {
    const { told, outage } = watched();
    outage.failed(gone, 100);
    outage.over();
    outage.failed(gone, 100);
    expect(outage.current?.attempts).toBe(1);
    outage.over();
    expect(told.map(({ type }) => type)).toEqual(["retry", "recovered"]);
  });

  it("is no conflict that another attempt mends", () => {
    const { told, outage } = watched();
    for (let i = 0; i < 9; i++) outage.failed(conflict, 5);
    outage.committed();
    for (let i = 0; i < 9; i++) outage.failed(conflict, 5);
    expect([told, outage.current]).toEqual([[], null]);
    outage.failed(conflict, 5);
    expect(told).toHaveLength(1);
  });

  it("of one table's shape is not over because another lane commits", () => {
    const { outage } = watched();
    outage.failed(misfit, 5000);
    outage.committed();
    expect(outage.current?.code).toBe("MR_SINK_SCHEMA");
    outage.over();
    expect(outage.current).toBeNull();
  });
});
