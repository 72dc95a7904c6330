import { describe, expect, it } from "vitest";
import { systemClock } from "../model/ports.ts";
import { SourceClock } from "./source-clock.ts";

const HOUR_MS = 3_600_000;

/** Our own clocks, to be set. */
function setUp() {
  const at = { wall: 1_700_000_000_000, mono: 5_000 };
  const clock = { ...systemClock, now: () => at.wall, monotonic: () => at.mono };
  return { at, source: new SourceClock(clock) };
}

describe("the age of a commit", () => {
  it("is told by our own clock while the source's is not known", () => {
    const { at, source } = setUp();
    expect(source.ageMs(at.wall - 300)).toBe(300);
  });

  it.each([-3 * HOUR_MS, 0, 3 * HOUR_MS])(
    "does not depend on how far the clocks differ (%i ms)",
    (apart) => {
      const { at, source } = setUp();
      at.mono += 20;
      source.told(at.wall + apart, at.mono - 20);
      expect(source.ageMs(at.wall + apart - 300)).toBe(310);
      expect(source.ownMs(at.wall + apart - 300)).toBe(at.wall - 310);
    },
  );

  it("goes by what the source's clock says after a jump of either", () => {
    const { at, source } = setUp();
    source.told(at.wall, at.mono);
    const commit = at.wall;
    at.wall -= 2 * HOUR_MS;
    at.mono += 1_000;
    expect(source.ageMs(commit)).toBe(1_000);
    source.told(commit + 5 * HOUR_MS, at.mono);
    expect(source.ageMs(commit + 5 * HOUR_MS)).toBe(0);
    source.told(commit - 5 * HOUR_MS, at.mono);
    expect(source.ageMs(commit - 5 * HOUR_MS - 40)).toBe(40);
  });

  it("is never negative", () => {
    const { at, source } = setUp();
    source.told(at.wall, at.mono);
    expect(source.ageMs(at.wall + HOUR_MS)).toBe(0);
  });
});
