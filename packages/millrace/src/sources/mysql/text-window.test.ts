import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { testRuns } from "../../../../../test/support/test-runs.ts";
import { isAscii, TextWindow } from "./text-window.ts";

const ascii = fc.uint8Array({ minLength: 0, maxLength: 3_000, max: 0x7f });

describe("a window over the texts of an event", () => {
  it("gives every text as its bytes are, in any order, of any length, and of the next event none of this one", () => {
    const window = new TextWindow();
    const ranges = fc.array(fc.tuple(fc.nat(3_000), fc.nat(700)), { maxLength: 30 });
    fc.assert(
      fc.property(ascii, ranges, (bytes, wanted) => {
        const buffer = Buffer.from(bytes);
        window.begin(buffer, buffer.length);
        for (const [from, length] of wanted) {
          const start = Math.min(from, buffer.length);
          const stop = Math.min(start + length, buffer.length);
          expect(window.latin1(start, stop)).toBe(buffer.toString("latin1", start, stop));
        }
      }),
      { numRuns: testRuns(100) },
    );
  });

  it("reads nothing behind the end of the event, where the next one's bytes are", () => {
    const window = new TextWindow();
    const buffer = Buffer.from("abcdef");
    window.begin(buffer, 3);
    expect(window.latin1(0, 2)).toBe("ab");
    buffer.write("XYZ", 3);
    window.begin(buffer, 6);
    expect(window.latin1(2, 6)).toBe("cXYZ");
  });

  it("tells text that is not ASCII, wherever it stands", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(isAscii(view, 0, bytes.length)).toBe(bytes.every((byte) => byte < 0x80));
      }),
      { numRuns: testRuns(200) },
    );
  });
});
