import { describe, expect, it } from "vitest";
import type { Value } from "../../model/value.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";
import { arrayLiteral, columnLiteral, parameterText } from "./array-literal.ts";

describe("columnLiteral", () => {
  it("quotes every value but NULL, and escapes quotes and backslashes", () => {
    const rows: Value[][] = [
      ["a"],
      [null],
      ["NULL"],
      [""],
      ['say "x"'],
      ["c:\\d"],
      [Uint8Array.of(1, 171)],
      [true],
      [5],
    ];
    expect(columnLiteral(rows, 0, 0, rows.length)).toBe(
      '{"a",null,"NULL","","say \\"x\\"","c:\\\\d","\\\\x01ab","t","5"}',
    );
  });

  it("takes a part of the rows", () => {
    expect(
      columnLiteral(
        [
          ["a", "1"],
          ["b", "2"],
          ["c", "3"],
        ],
        1,
        1,
        3,
      ),
    ).toBe('{"2","3"}');
    expect(columnLiteral([["a"]], 0, 0, 0)).toBe("{}");
  });

  it.each([UNCHANGED, new Skimmed(9), undefined])(
    "refuses %s: a row must be whole here (I9)",
    (value) => {
      const rows = [[value]] as Value[][];
      expect(() => columnLiteral(rows, 0, 0, 1)).toThrow(
        expect.objectContaining({ code: "MR_BUG" }),
      );
    },
  );
});

describe("parameterText", () => {
  it("prints values as PostgreSQL reads them", () => {
    const values: Value[] = ["x", null, true, false, 1.5, 12n, Uint8Array.of(0, 16)];
    expect(values.map(parameterText)).toEqual(["x", null, "t", "f", "1.5", "12", "\\x0010"]);
  });
});

describe("arrayLiteral", () => {
  it("is the literal of some values", () => {
    expect(arrayLiteral([1, "two", null])).toBe('{"1","two",null}');
  });
});
