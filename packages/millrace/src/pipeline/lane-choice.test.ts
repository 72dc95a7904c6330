import { describe, expect, it } from "vitest";
import type { TargetCheck } from "../model/sink.ts";
import { tableId } from "../model/table.ts";
import { groupsOf, LaneChoice } from "./lane-choice.ts";

const [users, orders, lines, plain] = ["users", "orders", "lines", "plain"].map((name) =>
  tableId("copy", name),
);
if (users === undefined || orders === undefined || lines === undefined || plain === undefined)
  throw new Error("no tables");

function checkOf(part: Partial<TargetCheck> = {}): TargetCheck {
  return { created: false, notices: [], secondaryUnique: false, ...part };
}

const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);

describe("lanes of targets with constraints besides their key", () => {
  const groups = groupsOf(
    new Map([
      [users, checkOf({ secondaryUnique: true })],
      [orders, checkOf()],
      [lines, checkOf({ parents: [orders] })],
      [plain, checkOf()],
    ]),
  );

  it("are one for a target with a unique constraint, whatever the keys, and one for all that foreign keys link", () => {
    const choice = new LaneChoice(8, groups);
    const lanesOf = (...targets: (typeof users)[]) =>
      new Set(targets.flatMap((target) => keys.map((key) => choice.laneOf(target, key)))).size;
    expect([lanesOf(users), lanesOf(orders, lines), lanesOf(plain)]).toEqual([1, 1, 8]);
  });

  it("are another choice than before, so that they take effect at one position", () => {
    expect(new LaneChoice(8, groups).equals(new LaneChoice(8, {}))).toBe(false);
    expect(new LaneChoice(8, groups).equals(new LaneChoice(8, { ...groups }))).toBe(true);
  });
});
