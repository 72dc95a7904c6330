import { describe, expect, it } from "vitest";
import type { Column, TableShape } from "../model/table.ts";
import { tableId } from "../model/table.ts";
import { rewrittenAhead } from "./rewritten-ahead.ts";

function columnOf(name: string, ordinal: number | null, part: Partial<Column> = {}): Column {
  const type = { kind: "text", maxChars: null } as const;
  return { name, type, sourceType: "text", nullable: true, ordinal, ...part };
}

function shapeOf(...columns: readonly Column[]): TableShape {
  const id = tableId("shop", "orders");
  return { id, schema: "shop", name: "orders", identity: "1", columns, key: [0] };
}

const id = columnOf("id", 1);
const b = columnOf("b", 3);

describe("what is read again where the catalogue is ahead of the log", () => {
  it("is every new column while the table is loaded, and afterwards those that came with values", () => {
    const now = shapeOf(id, b, columnOf("plain", 4), columnOf("filled", 5, { filled: true }));
    expect(rewrittenAhead(shapeOf(id, b), now, false)).toEqual(["plain", "filled"]);
    expect(rewrittenAhead(shapeOf(id, b), now, true)).toEqual(["filled"]);
  });

  it("is a column that was there before without being logged, and one that was converted", () => {
    const now = shapeOf(id, columnOf("was generated", 2), { ...b, sourceType: "int" });
    expect(rewrittenAhead(shapeOf(id, b), now, true)).toEqual(["was generated", "b"]);
  });

  it("is not a column that has another name only", () => {
    expect(rewrittenAhead(shapeOf(id, b), shapeOf(id, { ...b, name: "c" }), true)).toEqual([]);
  });

  it("is every new column where the log had left it open which one it has", () => {
    const open = shapeOf(id, columnOf("b", null, { unproven: true }));
    expect(rewrittenAhead(open, shapeOf(id, b), true)).toEqual(["b"]);
  });
});
