import { describe, expect, it } from "vitest";
import { UNCHANGED } from "../../model/value.ts";
import { RowLine } from "../../model/row-line.ts";
import { copyLines, copyText } from "./copy-text.ts";

describe("rows as COPY's text", () => {
  it("are lines of values between tabs", () => {
    const rows = [
      ["1", "a", true, 7, 8n, null],
      ["2", "NULL", false, -1, 0n, ""],
    ];
    expect(copyText(rows, 6)).toEqual(["1\ta\tt\t7\t8\t\\N\n2\tNULL\tf\t-1\t0\t\n"]);
  });

  it("escape what would end a value, a line or the data", () => {
    const rows = [["a\tb", "a\nb", "a\r\nb", "\\N", "\\.", Uint8Array.of(9, 92)]];
    expect(copyText(rows, 6)).toEqual(["a\\tb\ta\\nb\ta\\r\\nb\t\\\\N\t\\\\.\t\\\\x095c\n"]);
  });

  it("come in pieces of whole lines, and not at all with a very long value", () => {
    const wide = Array.from({ length: 3 }, () => ["v".repeat(200_000)]);
    expect(copyText(wide, 1)?.map((piece) => piece.length)).toEqual([400_002, 200_001]);
    expect(copyText([["v".repeat(2_000_000)]], 1)).toBeNull();
    expect(copyText([[new Uint8Array(2_000_000)]], 1)).toBeNull();
    expect(copyText([], 1)).toEqual([]);
  });

  it("are lines as they came, in pieces of which each is one message", () => {
    const made = () => expect.unreachable();
    const text = { buffer: Buffer.alloc(0), read: made, value: made };
    const lines = [0, 1, 2, 3].map((i) => new RowLine(text, 0, 100_000 + i, String(i), 1));
    expect(copyLines(lines)).toEqual([
      { lines: lines.slice(0, 3), bytes: 300_003 },
      { lines: lines.slice(3), bytes: 100_003 },
    ]);
  });

  it("are never rows that are not whole", () => {
    expect(() => copyText([["1", UNCHANGED]], 2)).toThrow(/UNCHANGED/);
    expect(() => copyText([["1"]], 2)).toThrow(/missing/);
  });
});
