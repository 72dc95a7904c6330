import { describe, expect, it } from "vitest";
import type { InitSync } from "../../model/init-sync.ts";
import { AgeRules } from "./age-rules.ts";

const HOUR_MS = 3_600_000;
const LIMITS = { safeZoneMs: 20 * HOUR_MS, restartAfterMs: 19 * HOUR_MS, overlapMs: HOUR_MS };
const NOW = 1_790_000_000_000;

function loading(startMs: number, more: Partial<InitSync> = {}): InitSync {
  return { startMs, endMs: null, rows: 0, isRepeated: false, ...more };
}

describe("records by their age", () => {
  it("are left out from an hour before the INIT_SYNC on, the boundary with them", () => {
    const rules = new AgeRules(LIMITS, loading(NOW));
    expect(rules.isLeftOut({ timeMs: NOW - HOUR_MS })).toBe(true);
    expect(rules.isLeftOut({ timeMs: NOW - HOUR_MS + 1 })).toBe(false);
  });

  it("are never left out where an earlier load may have left rows that they delete", () => {
    const rules = new AgeRules(LIMITS, loading(NOW, { isRepeated: true }));
    expect(rules.isLeftOut({ timeMs: NOW - 23 * HOUR_MS })).toBe(false);
  });

  it("are left out by the service's clock where this machine's is fast", () => {
    const rules = new AgeRules(LIMITS, loading(NOW + 2 * HOUR_MS), { begunMs: NOW });
    expect(rules.isLeftOut({ timeMs: NOW - HOUR_MS })).toBe(true);
    expect(rules.isLeftOut({ timeMs: NOW - HOUR_MS + 1 })).toBe(false);
    expect(rules.coveredToMs).toBe(NOW - HOUR_MS);
    const slow = new AgeRules(LIMITS, loading(NOW - HOUR_MS), { begunMs: NOW });
    expect(slow.droppedToMs).toBe(NOW - 2 * HOUR_MS);
  });

  it("are never left out where nothing was loaded, but for those before the asked start", () => {
    expect(new AgeRules(LIMITS, null).isLeftOut({ timeMs: 1 })).toBe(false);
    const since = new AgeRules(LIMITS, null, { sinceMs: NOW });
    expect(since.isLeftOut({ timeMs: NOW - 1 })).toBe(true);
    expect(since.isLeftOut({ timeMs: NOW })).toBe(false);
  });
});

describe("what was not read for long", () => {
  const old = NOW - 100 * HOUR_MS;

  it("may have lost something after 20 hours, the boundary with them", () => {
    const rules = new AgeRules(LIMITS, loading(old, { endMs: old }));
    expect(rules.isTooOld(NOW - 20 * HOUR_MS + 1, NOW)).toBe(false);
    expect(rules.isTooOld(NOW - 20 * HOUR_MS, NOW)).toBe(true);
    expect(rules.tooOld(NOW - 20 * HOUR_MS, NOW)).toEqual({
      why: "too-old",
      hours: 20,
      limitHours: 20,
    });
  });

  it("begins anew after 19 hours while the table is being loaded", () => {
    const rules = new AgeRules(LIMITS, loading(old));
    expect(rules.isTooOld(NOW - 19 * HOUR_MS + 1, NOW)).toBe(false);
    expect(rules.isTooOld(NOW - 19 * HOUR_MS, NOW)).toBe(true);
  });

  it("is the backlog of a start asked for at a time: lost after the 24 hours that are certain", () => {
    const asked = { sinceMs: 0, begunMs: NOW };
    const rules = new AgeRules(LIMITS, loading(NOW), asked);
    const wanted = NOW - 22 * HOUR_MS;
    expect(rules.coveredToMs).toBe(0);
    expect(rules.isLeftOut({ timeMs: wanted })).toBe(false);
    expect(rules.isTooOld(wanted, NOW + 2 * HOUR_MS - 1)).toBe(false);
    expect(rules.isTooOld(wanted, NOW + 2 * HOUR_MS)).toBe(true);
    expect(rules.mayBeTrimmed(wanted, NOW + 2 * HOUR_MS + 1)).toBe(false);
    expect(rules.tooOld(wanted, NOW + 3 * HOUR_MS)).toMatchObject({ hours: 25, limitHours: 24 });
    expect(rules.isTooOld(NOW, NOW + 20 * HOUR_MS)).toBe(true);
    const again = new AgeRules(LIMITS, loading(NOW, { isRepeated: true }), asked);
    expect(again.coveredToMs).toBe(NOW - HOUR_MS);
  });

  it("loses nothing that the scan has seen", () => {
    const rules = new AgeRules(LIMITS, loading(NOW));
    expect(rules.isTooOld(NOW - 30 * HOUR_MS, NOW)).toBe(false);
    expect(rules.isTooOld(NOW - 30 * HOUR_MS, NOW + 18 * HOUR_MS - 1)).toBe(false);
    expect(rules.isTooOld(NOW - 30 * HOUR_MS, NOW + 18 * HOUR_MS)).toBe(true);
  });
});

describe("trimmed records", () => {
  it("are no loss where they were read, or are older than what the load has seen", () => {
    const old = NOW - 100 * HOUR_MS;
    const rules = new AgeRules(LIMITS, loading(old, { endMs: old }));
    expect(rules.mayBeTrimmed(NOW - 24 * HOUR_MS, NOW)).toBe(true);
    expect(rules.mayBeTrimmed(NOW - 24 * HOUR_MS - 1, NOW)).toBe(false);
    const fresh = new AgeRules(LIMITS, loading(NOW - 23 * HOUR_MS));
    expect(fresh.mayBeTrimmed(0, NOW)).toBe(true);
    expect(fresh.mayBeTrimmed(0, NOW + 1)).toBe(false);
  });
});
