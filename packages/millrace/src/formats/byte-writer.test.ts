import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter, Constant } from "./byte-writer.ts";

function text(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(1);
  write(out);
  return out.written().toString("utf8");
}

/** Any UTF-16, lone surrogates and control characters among it. */
const anyText = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
    .map((units) => String.fromCharCode(...units)),
);

describe("ByteWriter", () => {
  it("escapes strings as JSON.stringify does", () => {
    fc.assert(
      fc.property(anyText, (value) => {
        expect(text((out) => out.jsonString(value))).toBe(JSON.stringify(value));
      }),
    );
  });

  it("escapes bytes as the text that they are, and refuses those that are none", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText.map((value) => Buffer.from(value)),
          fc.uint8Array(),
        ),
        fc.boolean(),
        (bytes, isAsciiWanted) => {
          const value = Buffer.from(bytes).toString("utf8");
          const isAscii = bytes.every((byte) => byte < 0x80);
          const isText = isAsciiWanted ? isAscii : Buffer.from(value).equals(bytes);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const written = text((out) =>
            expect(out.jsonUtf8(bytes, view, 0, bytes.length, isAsciiWanted)).toBe(isText),
          );
          expect(written).toBe(isText ? JSON.stringify(value) : "");
        },
      ),
    );
  });

  it("escapes any byte wherever it stands among four", () => {
    for (let code = 0; code < 0x80; code++)
      for (let at = 0; at < 9; at++)
        for (const filler of ["a", "~", "!", "#", "[", "]", "\u0000"]) {
          const value = filler.repeat(at) + String.fromCharCode(code) + filler.repeat(8 - at);
          const bytes = Buffer.from(value);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const written = text((out) => out.jsonUtf8(bytes, view, 0, bytes.length));
          expect(written).toBe(JSON.stringify(value));
        }
  });

  it("copies by words what it copies by bytes, from wherever and up to the source's last byte", () => {
    const source = Buffer.from(Array.from({ length: 20 }, (_, i) => i));
    const view = new DataView(source.buffer, source.byteOffset, source.length);
    for (let start = 0; start <= 20; start++)
      for (let end = start; end <= 20; end++) {
        const copied = text((out) => {
          out.byte(0x7a);
          out.words(view, start, end);
          out.byte(0x7a);
        });
        expect(copied).toBe(`z${source.toString("latin1", start, end)}z`);
      }
  });

  it("writes any text as UTF-8", () => {
    fc.assert(
      fc.property(anyText, (value) => {
        expect(text((out) => out.utf8(value))).toBe(Buffer.from(value).toString("utf8"));
      }),
    );
  });

  it("writes whole numbers as decimal text", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(text((out) => out.integer(value))).toBe(String(value));
      }),
    );
    expect(text((out) => out.integer(2 ** 60))).toBe(String(2 ** 60));
  });

  it("writes bytes as they are, in hexadecimal digits and in both alphabets of base64", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), (value) => {
        const bytes = Buffer.from(value);
        const url = bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
        expect(text((out) => out.hex(value))).toBe(bytes.toString("hex"));
        expect(text((out) => out.base64(value))).toBe(bytes.toString("base64"));
        expect(text((out) => out.base64(value, true))).toBe(url);
        const out = new ByteWriter(1);
        out.bytes(value);
        expect(Buffer.from(out.written()).equals(bytes)).toBe(true);
      }),
    );
  });

  it("writes constants of any length, also at its buffer's end", () => {
    const any = fc.string({ unit: "grapheme", maxLength: 400 });
    fc.assert(
      fc.property(any, any, (one, other) => {
        const [first, second] = [new Constant(one), new Constant(other)];
        const written = text((out) => {
          out.constant(first);
          out.constant(second);
          out.ascii(".");
          out.constant(first);
        });
        expect(written).toBe(`${one}${other}.${one}`);
      }),
    );
  });

  it("escapes long strings as short ones", () => {
    const long = `${"x".repeat(70_000)}"`;
    expect(text((out) => out.jsonString(long))).toBe(JSON.stringify(long));
    expect(text((out) => out.jsonString(`ä\ud800"${long.slice(-90)}`))).toBe(
      JSON.stringify(`ä\ud800"${long.slice(-90)}`),
    );
  });

  it("keeps what was written when it grows, and begins again in the same buffer", () => {
    const out = new ByteWriter(2);
    for (let i = 0; i < 100; i++) out.ascii(`${i},`);
    const before = out.buffer;
    expect(out.written().toString()).toBe(Array.from({ length: 100 }, (_, i) => `${i},`).join(""));
    out.clear();
    out.ascii("x".repeat(50));
    expect(out.written().toString()).toBe("x".repeat(50));
    expect(out.buffer).toBe(before);
  });
});
