import { describe, expect, it } from "vitest";
import { int16, int32 } from "../wire/messages.ts";
import { longestField } from "./copied-fields.ts";

const TEXT = { format: "text", delimiter: "\t", quote: '"', escape: '"' } as const;
const CSV = { ...TEXT, format: "csv", delimiter: "," } as const;

/** The data in one piece and cut behind each byte has to give the same. */
function longest(data: Buffer, form: Parameters<typeof longestField>[1]): number {
  const whole = longestField([data], form);
  for (let cut = 0; cut <= data.length; cut++) {
    const parts = [data.subarray(0, cut), data.subarray(cut)];
    expect(longestField(parts, form)).toBe(whole);
  }
  return whole;
}

describe("the longest field of a COPY", () => {
  it("lies between delimiters and ends of lines in text, unless a backslash is before them", () => {
    expect(longest(Buffer.from("1\tabc\n22\tx\n"), TEXT)).toBe(3);
    expect(longest(Buffer.from("1\ta\\\tbcd\\\ne\n"), TEXT)).toBe(9);
    expect(longest(Buffer.from("1\ta\\\\\tbc"), TEXT)).toBe(3);
    expect(longest(Buffer.from("a|bcde"), { ...TEXT, delimiter: "|" })).toBe(4);
  });

  it("may hold delimiters and ends of lines between quotes in csv", () => {
    expect(longest(Buffer.from('1,"a,b\nc"\n2,x'), CSV)).toBe(7);
    expect(longest(Buffer.from('"a"",b",c'), CSV)).toBe(7);
    const escaping = { ...CSV, quote: "'", escape: "!" };
    expect(longest(Buffer.from("'a!',b',c"), escaping)).toBe(7);
  });

  it("is told by its length in the binary form", () => {
    const binary = { ...TEXT, format: "binary" } as const;
    const header = Buffer.concat([Buffer.alloc(15), int32(0)]);
    const row = [int16(3), int32(2), Buffer.from("ab"), int32(-1), int32(5), Buffer.from("abcde")];
    expect(longest(Buffer.concat([header, ...row, int16(0xffff)]), binary)).toBe(5);
    expect(longest(Buffer.from("short"), binary)).toBe(0);
  });
});
