import { describe, expect, it } from "vitest";
import type { Column, TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import { describeDiff, diffShapes, isSame } from "./shape-diff.ts";

function columnOf(name: string, ordinal: number | null, sourceType = "text"): Column {
  return { name, type: { kind: "text", maxChars: null }, sourceType, nullable: true, ordinal };
}

function shapeOf(
  columns: readonly Column[],
  key: readonly number[] = [0],
  identity = "1",
): TableShape {
  return { id: tableId("shop", "orders"), schema: "shop", name: "orders", identity, columns, key };
}

const id = columnOf("id", 1);

describe("diffShapes", () => {
  it("finds what was added, dropped, renamed and retyped by what stays the same", () => {
    const before = shapeOf([id, columnOf("a", 2), columnOf("b", 3), columnOf("gone", 4)]);
    const after = shapeOf([id, columnOf("aa", 2), columnOf("b", 3, "int"), columnOf("new", 5)]);
    const diff = diffShapes(before, after);
    expect(describeDiff(diff)).toBe(
      "add new, drop gone, rename a to aa, retype b from text to int",
    );
    expect(isSame(diff)).toBe(false);
  });

  it("names that change places are two renames, not two retypes", () => {
    const diff = diffShapes(
      shapeOf([id, columnOf("a", 2), columnOf("b", 3)]),
      shapeOf([id, columnOf("b", 2), columnOf("a", 3)]),
    );
    expect(diff.renamed).toEqual([
      { from: "a", to: "b" },
      { from: "b", to: "a" },
    ]);
    expect([diff.added, diff.dropped]).toEqual([[], []]);
  });

  it("goes by names in a table that was made anew, and where nothing else is known", () => {
    const anew = diffShapes(
      shapeOf([id, columnOf("a", 2)]),
      shapeOf([columnOf("a", 1), columnOf("id", 2)], [1], "2"),
    );
    expect(anew).toMatchObject({
      madeAnew: true,
      added: [],
      dropped: [],
      renamed: [],
      keyChanged: false,
    });
    const nameless = diffShapes(
      shapeOf([columnOf("id", null), columnOf("a", null)]),
      shapeOf([columnOf("id", null), columnOf("b", null)]),
    );
    expect(describeDiff(nameless)).toBe("add b, drop a");
  });

  it("sees another key, and another order of it", () => {
    const columns = [id, columnOf("a", 2)];
    expect(diffShapes(shapeOf(columns, [0]), shapeOf(columns, [1])).keyChanged).toBe(true);
    expect(diffShapes(shapeOf(columns, [0, 1]), shapeOf(columns, [1, 0])).keyChanged).toBe(true);
    expect(
      diffShapes(shapeOf(columns, [0]), shapeOf([columnOf("key", 1), columnOf("a", 2)], [0]))
        .keyChanged,
    ).toBe(false);
  });

  it("is the same where only the order of columns differs", () => {
    expect(
      isSame(diffShapes(shapeOf([id, columnOf("a", 2)]), shapeOf([columnOf("a", 2), id], [1]))),
    ).toBe(true);
  });
});
