import { describe, expect, it } from "vitest";
import { waitLines } from "./wait-text.ts";

const SINCE_MS = 1_000;
const HELD = { what: "log", reason: "synchronized-standbys", table: null, why: "it is held" };
const LOCKED = { what: "table", reason: "MR_SOURCE_LOCKED", table: "s.t", why: "it is locked" };
const FULL = { what: "pipeline", reason: "MR_SINK_FULL", table: null, why: "no space" };
const RETRYING = {
  code: FULL.reason,
  message: FULL.why,
  remedy: "Make space.",
  sinceMs: SINCE_MS,
  attempts: 3,
  nextTryMs: SINCE_MS,
};

describe("what status says of what waits", () => {
  it("is what stands still, for how long, and why", () => {
    const waits = [HELD, LOCKED, FULL].map((wait) => ({ ...wait, sinceMs: SINCE_MS }));
    expect(waitLines({ waits, retrying: null }, SINCE_MS + 90_000)).toEqual([
      "  waiting   the log for 90.0 s: it is held",
      "  waiting   s.t for 90.0 s: it is locked",
      "  waiting   the pipeline for 90.0 s: no space",
    ]);
  });

  it("leaves out what has lines of its own", () => {
    const waits = [{ ...FULL, sinceMs: SINCE_MS }];
    expect(waitLines({ waits, retrying: RETRYING }, SINCE_MS)).toEqual([]);
  });
});
