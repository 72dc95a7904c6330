import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MillraceError } from "../../errors/millrace-error.ts";
import { JsonPrinter } from "./json-binary.ts";
import { applyJsonDiffs } from "./json-diff.ts";
import { jsonDoubleText } from "./json-scalars.ts";
import { JsonWriter } from "./json-writer.ts";

const writer = new JsonWriter();
const printer = new JsonPrinter(writer);

function print(document: Buffer, maxBytes = Infinity): string | null {
  const view = new DataView(document.buffer, document.byteOffset, document.length);
  return printer.print(document, view, 0, document.length, maxBytes) ? writer.take() : null;
}

/** `{"a": [1, "x"]}` in the small form. */
const SMALL = Buffer.from("00010018000b000100020c006102000c000501000c0a000178", "hex");

/** An array, one of whose elements is the array itself: its text would have no end. */
const ENDLESS = Buffer.from("0202000a00020000020000", "hex");

describe("binary JSON", () => {
  it("is printed as the server does", () => {
    expect(print(SMALL)).toBe('{"a": [1, "x"]}');
    expect(print(Buffer.alloc(0))).toBe("null");
    expect(print(Buffer.from("0402", "hex"))).toBe("false");
  });

  it("is skimmed above a length of its text", () => {
    expect(print(SMALL, 15)).toBe('{"a": [1, "x"]}');
    expect(print(SMALL, 14)).toBeNull();
  });

  it("escapes control characters and nothing else", () => {
    const text = Array.from({ length: 0x90 }, (_, code) => String.fromCharCode(code)).join("");
    const bytes = Buffer.from(text);
    const document = Buffer.concat([
      Buffer.of(0x0c, 0x80 | (bytes.length & 0x7f), bytes.length >> 7),
      bytes,
    ]);
    expect(print(document)).toBe(JSON.stringify(text));
  });

  it("whose parts overlap or contain themselves is refused", () => {
    expect(() => print(ENDLESS)).toThrow(MillraceError);
  });

  it("of any bytes is text or MR_SOURCE_PROTOCOL", () => {
    const kind = fc.constantFrom(0, 1, 2, 3, 4, 5, 12, 15);
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.nat(12)), { maxLength: 60 });
    fc.assert(
      fc.property(kind, bytes, (first, rest) => {
        try {
          JSON.parse(print(Buffer.from([first, ...rest])) ?? "null");
        } catch (error) {
          if (!(error instanceof MillraceError)) throw error;
          expect(error.code).toBe("MR_SOURCE_PROTOCOL");
        }
      }),
    );
  });

  it.each([
    [1, "1.0"],
    [-0, "-0.0"],
    [0, "0.0"],
    [1e14, "100000000000000.0"],
    [1e15, "1e15"],
    [Number("2050648059506191.2"), "2050648059506191.2"],
    [1234567890123456, "1.234567890123456e15"],
    [1.5e300, "1.5e300"],
    [1e-5, "0.00001"],
    [1e-15, "0.000000000000001"],
    [1e-16, "1e-16"],
    [-1.25e-12, "-0.00000000000125"],
  ])("prints the double %d as %s", (value, text) => {
    expect(jsonDoubleText(value)).toBe(text);
  });
});

describe("differences of JSON", () => {
  const diff = (operation: number, path: string, value: string): Buffer => {
    const parts = Buffer.from(value, "hex");
    const name = Buffer.from(path);
    return Buffer.concat([
      Buffer.of(operation, name.length),
      name,
      ...(operation === 2 ? [] : [Buffer.of(parts.length), parts]),
    ]);
  };

  it("are applied one after the other, new members in the server's order", () => {
    const all = Buffer.concat([
      diff(0, "$.a[0]", "050700"),
      diff(1, "$.a[1]", "0401"),
      diff(2, "$.a[2]", ""),
      diff(1, '$."long name"', "0400"),
      diff(1, "$.b", "0402"),
    ]);
    expect(applyJsonDiffs(SMALL, all, 1_000)).toBe(
      '{"a": [7, true], "b": false, "long name": null}',
    );
  });

  it.each([
    ["a member that is not there", 2, "$.x"],
    ["an element that is not there", 2, "$.a[7]"],
    ["a path through a scalar", 2, "$.a[0].b"],
    ["a path that is none", 2, '$."\\'],
    ["the whole", 2, "$"],
  ])("that name %s are MR_SOURCE_PROTOCOL", (_, operation, path) => {
    expect(() => applyJsonDiffs(SMALL, diff(operation, path, ""), 1_000)).toThrow(MillraceError);
  });
});
