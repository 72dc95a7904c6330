import { describe, expect, it } from "vitest";
import { ReadPace } from "./read-pace.ts";

/** A pace after reads of `bytes` each, `everyMs` apart. */
function paceAfter(bytes: number, everyMs: number, reads = 50): ReadPace {
  const pace = new ReadPace();
  for (let read = 1; read <= reads; read += 1) pace.delivered(bytes, 1_000 + read * everyMs);
  return pace;
}

describe("reading from a walsender", () => {
  it("gives a quiet stream's rows at once", () => {
    expect(new ReadPace().pauseAfter(250)).toEqual({ kind: "none" });
    expect(paceAfter(250, 10).pauseAfter(250)).toEqual({ kind: "none" });
    expect(paceAfter(250, 0.2).pauseAfter(250)).toEqual({ kind: "none" });
  });

  it("waits by a timer where rows come back to back", () => {
    expect(paceAfter(250, 0.02).pauseAfter(250)).toEqual({ kind: "timer", ms: 1 });
  });

  it("waits for less than a timer can where a timer would throttle the server", () => {
    const pause = paceAfter(60_000, 1).pauseAfter(500);
    expect(pause.kind).toBe("nap");
    expect(pause.kind === "nap" && pause.ms).toBeCloseTo(0.54, 1);
  });

  it("never waits where the read was large: the consumer is slower than the server", () => {
    expect(paceAfter(60_000, 1).pauseAfter(40_000)).toEqual({ kind: "none" });
  });

  it("forgets a burst once the stream is quiet again", () => {
    const pace = paceAfter(60_000, 1);
    for (let read = 1; read <= 15; read += 1) pace.delivered(250, 2_000 + read * 10);
    expect(pace.pauseAfter(250)).toEqual({ kind: "none" });
  });
});
