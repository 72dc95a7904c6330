import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type TableShape } from "../../model/table.ts";
import { Skimmed, UNCHANGED, type Value } from "../../model/value.ts";
import { keyText } from "./keys.ts";

function shapeOf(...types: readonly LogicalType[]): TableShape {
  const columns = types.map((type, i) => {
    return { name: `c${i}`, type, sourceType: "", nullable: false, ordinal: null };
  });
  const id = tableId("s", "t");
  return { id, schema: "s", name: "t", identity: id, columns, key: columns.map((_, i) => i) };
}

const text: LogicalType = { kind: "text", maxChars: null };

describe("the text of a key", () => {
  it("is one for numbers that are equal, in whatever form they come", () => {
    const int = shapeOf({ kind: "int", bits: 64 });
    expect(keyText(int, [42])).toBe(keyText(int, ["42"]));
    const decimal = shapeOf({ kind: "decimal", precision: 10, scale: 2 });
    expect(keyText(decimal, ["1.50"])).toBe(keyText(decimal, ["1.5"]));
    const float = shapeOf({ kind: "float", bits: 64 });
    expect(keyText(float, ["-0"])).toBe(keyText(float, ["0"]));
  });

  it("tells texts apart by their bytes, whatever the collation holds", () => {
    const shape = shapeOf(text);
    const spellings = ["a", "A", "ä", "a ", "", "null"];
    expect(new Set(spellings.map((spelling) => keyText(shape, [spelling]))).size).toBe(6);
  });

  it("is never one for two keys of several columns, whatever their texts hold", () => {
    const shape = shapeOf(text, text);
    const part = fc.string({ unit: fc.constantFrom("\0", "|", "a", "null"), maxLength: 5 });
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        const isSame = a === c && b === d;
        expect(keyText(shape, [a, b]) === keyText(shape, [c, d])).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });

  it("takes bytes and booleans", () => {
    expect(keyText(shapeOf({ kind: "bytes", maxBytes: null }), [Uint8Array.of(1, 255)])).toBe(
      "01ff",
    );
    expect(keyText(shapeOf({ kind: "boolean" }), [true])).toBe("true");
  });

  it("is refused where the key is not known", () => {
    const shape = shapeOf(text);
    const unknown: Value[] = [UNCHANGED, new Skimmed(7)];
    for (const value of unknown)
      expect(() => keyText(shape, [value])).toThrow(/key column c0 of s\.t/);
    expect(() => keyText({ ...shape, key: [] }, ["a"])).toThrow(/has no key/);
  });
});
