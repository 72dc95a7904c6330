import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { Skimmed, type Value } from "../../model/value.ts";
import { type CopyColumns, CopyRowParser } from "./copy-row.ts";
import { AS_IS, TO_BOOLEAN, TO_BYTES } from "./types.ts";

/** As the server's CopyAttributeOutText. */
function escape(text: string): string {
  const names = new Map([
    ["\b", "\\b"],
    ["\f", "\\f"],
    ["\n", "\\n"],
    ["\r", "\\r"],
    ["\t", "\\t"],
    ["\v", "\\v"],
    ["\\", "\\\\"],
  ]);
  return [...text].map((character) => names.get(character) ?? character).join("");
}

function wire(value: string | boolean | Uint8Array | null): string {
  if (value === null) return "\\N";
  if (typeof value === "boolean") return value ? "t" : "f";
  if (typeof value === "string") return escape(value);
  return escape(`\\x${Buffer.from(value).toString("hex")}`);
}

const columns: CopyColumns = {
  conversions: [AS_IS, TO_BOOLEAN, TO_BYTES, AS_IS],
  kept: new Set([0]),
};
const text = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(..."\b\f\n\r\t\v\\N'\"ßあ😀"),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
  })
  .map((s) => s.replaceAll("\u0000", ""));
const row = fc.tuple(
  text,
  fc.option(fc.boolean()),
  fc.option(fc.uint8Array({ maxLength: 40 })),
  fc.option(text),
);

function inPieces(parser: CopyRowParser, line: Buffer, cuts: readonly number[]): Value[] {
  const at = [0, ...cuts.map((cut) => cut % (line.length + 1)), line.length];
  at.sort((a, b) => a - b);
  for (const [i, start] of at.entries()) parser.piece(line, start, at[i + 1] ?? line.length);
  return parser.end();
}

describe("CopyRowParser", () => {
  it("gives back what the server escaped, whole or in pieces", () => {
    fc.assert(
      fc.property(row, fc.array(fc.nat()), (values, cuts) => {
        const line = Buffer.from(`${values.map(wire).join("\t")}\n`);
        const parser = new CopyRowParser(columns, 1_000_000);
        const around = Buffer.concat([Buffer.from("x\t\n"), line, Buffer.from("y\t\n")]);
        expect(parser.row(around, 3, 3 + line.length)).toEqual(values);
        expect(inPieces(parser, line, cuts)).toEqual(values);
      }),
    );
  });

  it("skims exactly the values whose canonical size is over the limit, never the key", () => {
    const limit = 8;
    fc.assert(
      fc.property(row, fc.array(fc.nat()), (values, cuts) => {
        const line = Buffer.from(`${values.map(wire).join("\t")}\n`);
        const parser = new CopyRowParser(columns, limit);
        const isOver = (value: Value, index: number): boolean => {
          if (index === 0 || value === null || typeof value === "boolean") return false;
          return Buffer.from(value as string).length > limit;
        };
        for (const got of [parser.row(line, 0, line.length), inPieces(parser, line, cuts)]) {
          const skimmed = got.map((value) => value instanceof Skimmed);
          expect(skimmed).toEqual(values.map(isOver));
        }
      }),
    );
  });

  it("says how large a skimmed value was", () => {
    const all: CopyColumns = { conversions: [AS_IS, TO_BYTES, AS_IS], kept: new Set() };
    const parser = new CopyRowParser(all, 4);
    const line = Buffer.from(
      `${"\\\\x\\n".repeat(100)}\t\\\\x${"ab".repeat(50)}\t${"あ".repeat(20)}\n`,
    );
    const sizes = [new Skimmed(300), new Skimmed(50), new Skimmed(60)];
    expect(parser.row(line, 0, line.length)).toEqual(sizes);
    fc.assert(
      fc.property(fc.array(fc.nat()), (cuts) => {
        expect(inPieces(parser, line, cuts)).toEqual(sizes);
      }),
    );
  });

  it("tells the text \\N from NULL", () => {
    const parser = new CopyRowParser({ conversions: [AS_IS, AS_IS], kept: new Set() }, 100);
    expect(parser.row(Buffer.from("\\\\N\t\\N\n"), 0, 7)).toEqual(["\\N", null]);
  });

  it("reads rows of no columns, and of one empty text", () => {
    expect(
      new CopyRowParser({ conversions: [], kept: new Set() }, 9).row(Buffer.from("\n"), 0, 1),
    ).toEqual([]);
    const one = new CopyRowParser({ conversions: [AS_IS], kept: new Set() }, 9);
    expect(one.row(Buffer.from("\n"), 0, 1)).toEqual([""]);
  });

  it("refuses booleans and bytes in another form, and never shows them", () => {
    for (const [conversion, values] of [
      [TO_BOOLEAN, ["true", "", "T", "tf"]],
      [TO_BYTES, ["", "abc", "\\\\x0", "\\\\xzz", "\\\\x00zz00", "\\\\X00"]],
    ] as const)
      for (const value of values) {
        const line = Buffer.from(`${value}\n`);
        const one = { conversions: [conversion], kept: new Set<number>() };
        expect(() => new CopyRowParser(one, 100).row(line, 0, line.length)).toThrow(
          /^MR_SOURCE_PROTOCOL: a COPY row has a boolean or bytea in a form that is none$/,
        );
        expect(() => inPieces(new CopyRowParser(one, 100), line, [1])).toThrow(
          "MR_SOURCE_PROTOCOL",
        );
      }
  });

  it("makes of any bytes a row of its width or a typed error, the same whole and in pieces", () => {
    const junk = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 6 }),
        fc.constantFrom(..."\t\\tf\nNx09a").map((letter) => Buffer.from(letter)),
      ),
      { maxLength: 20 },
    );
    const outcome = (read: () => Value[]): unknown => {
      try {
        return read();
      } catch (error) {
        if (error instanceof MillraceError && error.code === "MR_SOURCE_PROTOCOL")
          return error.code;
        throw error;
      }
    };
    fc.assert(
      fc.property(junk, fc.array(fc.nat()), (parts, cuts) => {
        const line = Buffer.concat([...parts, Buffer.from("\n")]);
        // A server never sends a newline or half a character inside of a line.
        fc.pre(line.indexOf(10) === line.length - 1);
        const whole = outcome(() => new CopyRowParser(columns, 1_000).row(line, 0, line.length));
        const pieces = outcome(() => inPieces(new CopyRowParser(columns, 1_000), line, cuts));
        expect(Array.isArray(whole) ? whole.length : 4).toBe(4);
        expect(pieces).toEqual(whole);
      }),
      { numRuns: testRuns(500) },
    );
  });

  it("refuses a row of another width", () => {
    const parser = new CopyRowParser(columns, 100);
    expect(() => parser.row(Buffer.from("a\tb\n"), 0, 4)).toThrow("MR_SOURCE_PROTOCOL");
    expect(() => inPieces(parser, Buffer.from("a\tb\n"), [])).toThrow("MR_SOURCE_PROTOCOL");
  });
});
