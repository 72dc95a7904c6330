import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NotJson, readJson } from "./json-reader.ts";
import { pastPlain, pastString, pastValue } from "./json-skip.ts";
import { ScannedBytes } from "./scanned-bytes.ts";

function isJson(bytes: Buffer): boolean {
  try {
    readJson(bytes);
    return true;
  } catch (thrown) {
    if (thrown instanceof NotJson) return false;
    throw thrown;
  }
}

/** Whether it is passed over as a whole, wherever it stands. */
function isPassed(bytes: Buffer, behind = ""): boolean {
  const scanned = new ScannedBytes(Buffer.concat([bytes, Buffer.from(behind)]));
  return pastValue(scanned, 0, bytes.length) === bytes.length;
}

describe("pastValue", () => {
  it("passes over what JSON.stringify writes, in whatever it stands", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.string(), (json, behind) => {
        const compact = Buffer.from(JSON.stringify(JSON.parse(json)));
        expect(isPassed(compact, behind)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("passes over nothing that is no JSON, and not beyond the end", () => {
    const letters = '{}[],:"\\/ \n0123456789eE+-.'.split("");
    const words = ["true", "false", "null", '"a"', "\\u00", "é", "\u0001", "\u007f", '"abcdefgh"'];
    const piece = fc.constantFrom(...letters, ...words);
    let passed = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, isOne) => {
        const bytes = Buffer.from(isOne ? `"${pieces.join("")}"` : pieces.join(""));
        if (!isPassed(bytes, '0"}]')) return;
        passed++;
        expect(isJson(bytes), bytes.toString()).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(passed).toBeGreaterThan(500);
  });

  it("leaves to the careful way what is nested deeply", () => {
    expect(isPassed(Buffer.from(`${"[".repeat(16)}${"]".repeat(16)}`))).toBe(true);
    expect(isPassed(Buffer.from(`${"[".repeat(17)}${"]".repeat(17)}`))).toBe(false);
  });
});

describe("pastPlain", () => {
  it("stops in front of the word that has something else than plain characters", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), fc.nat(5), (drawn, start) => {
        // Mostly letters, so that words of them come to be.
        const bytes = Buffer.from(
          drawn.map((byte) => (byte < 160 ? 0x61 + (byte % 26) : byte - 128)),
        );
        const isPlain = (byte: number): boolean =>
          byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c;
        const at = pastPlain(new ScannedBytes(bytes), start, bytes.length);
        expect([...bytes.subarray(start, at)].every(isPlain)).toBe(true);
        const next = [...bytes.subarray(at, at + 4)];
        expect(next.length < 4 || !next.every(isPlain)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("finds each byte that is none, wherever it stands in its word", () => {
    for (let byte = 0; byte < 256; byte++)
      for (let place = 0; place < 4; place++)
        for (const around of [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x61, 0x7f]) {
          const bytes = Buffer.alloc(8, around);
          bytes[place] = byte;
          const isPlain = byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c;
          const at = pastPlain(new ScannedBytes(bytes), 0, 8);
          expect([byte, place, around, at > place]).toEqual([byte, place, around, isPlain]);
        }
  });
});

describe("pastString", () => {
  it("ends behind the quotation mark and not behind an escaped one", () => {
    const text = Buffer.from('abcdef\\"gh\\\\"rest"');
    expect(pastString(new ScannedBytes(text), 0, text.length)).toBe('abcdef\\"gh\\\\"'.length);
  });
});
