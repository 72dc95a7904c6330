import { describe, expect, it } from "vitest";
import { tableId, type TableShape } from "../../model/table.ts";
import { isRuledOut, type LiveColumn } from "./ddl-belief.ts";

function shape(...names: readonly string[]): TableShape {
  const columns = names.map((text) => {
    const [name = "", ordinal] = text.split(":");
    const type = { kind: "int", bits: 32 } as const;
    return { name, type, sourceType: "integer", nullable: true, ordinal: Number(ordinal) };
  });
  return { id: tableId("s", "t"), schema: "s", name: "t", identity: "1", columns, key: [0] };
}

function live(attnum: number, name: string, more: Partial<LiveColumn> = {}): LiveColumn {
  const flags = { isDropped: false, isGenerated: false, isHidden: false, isLeftOut: false };
  return { attnum, name, ...flags, isSettled: false, ...more };
}

const KNOWN = shape("id:1", "a:2");
const LIVE = [live(1, "id"), live(2, "a"), live(3, "b")];

describe("a shape that a message tells, held against the catalogue", () => {
  it("is believed where some order of changes explains it", () => {
    expect(isRuledOut(shape("id:1", "a:2", "b:3"), KNOWN, LIVE)).toBe(false);
    expect(isRuledOut(shape("id:1", "other:2"), KNOWN, LIVE)).toBe(false); // b came later
    const dropped = [live(1, "id"), live(2, "", { isDropped: true }), live(3, "b")];
    expect(isRuledOut(shape("id:1"), KNOWN, dropped)).toBe(false);
    expect(isRuledOut(shape("id:1", "a:2", "b:3"), KNOWN, dropped)).toBe(false); // a went later
    expect(
      isRuledOut(shape("id:1"), KNOWN, [live(1, "id"), live(2, "a", { isLeftOut: true })]),
    ).toBe(false);
    expect(isRuledOut(shape("id:1"), KNOWN, [])).toBe(false); // the table is gone
  });

  it.each([
    ["lacks a column that was known and is there", shape("id:1"), LIVE],
    ["lacks a column below another", shape("id:1", "c:4", "a:2"), [...LIVE, live(4, "c")]],
    [
      "lacks an old column",
      shape("id:1", "a:2"),
      [...LIVE.slice(0, 2), live(3, "b", { isSettled: true })],
    ],
    ["has a column that never was", shape("id:1", "a:2", "x:4"), LIVE],
    ["has a column twice", shape("id:1", "a:2", "b:2"), LIVE],
    [
      "renames an old column",
      shape("x:1", "a:2"),
      [live(1, "id", { isSettled: true }), ...LIVE.slice(1)],
    ],
    [
      "brings back an old dropped one",
      shape("id:1", "a:2", "b:3"),
      [...LIVE.slice(0, 2), live(3, "b", { isSettled: true, isDropped: true })],
    ],
  ])("is ruled out where it %s", (_, told, columns) => {
    expect(isRuledOut(told, KNOWN, columns)).toBe(true);
  });
});
