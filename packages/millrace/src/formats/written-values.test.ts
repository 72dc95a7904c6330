import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "./byte-writer.ts";
import type { WriteValue } from "./connect-reading.ts";
import { decimalText } from "./decimal.ts";
import { timestampOfIso } from "./read-temporal.ts";
import { decimalWriter, writeUnescaped, writeZonedTimestamp } from "./written-values.ts";

/** What is written of a text that stands within others; null where it is left to the careful way. */
function written(write: WriteValue, text: string): string | null {
  const bytes = Buffer.from(`9${text}9`);
  const out = new ByteWriter(1);
  out.ascii("in front");
  if (!write(bytes, 1, 1 + text.length, out)) return null;
  return out.written().toString("latin1").slice("in front".length);
}

describe("timestamps with a zone", () => {
  it("are what the careful way makes of them, or are left to it", () => {
    const two = fc.integer({ min: 0, max: 99 }).map((n) => String(n).padStart(2, "0"));
    const usual = fc.record({
      year: fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.constant(0)),
      parts: fc.tuple(two, two, two, two, two),
      fraction: fc.oneof(fc.constant(""), fc.stringMatching(/^\.[0-9]{0,9}0{0,3}$/)),
      zone: fc.constantFrom("Z", "Z", "Z", "+00:00", "-01:30", ""),
    });
    const text = usual.map(({ year, parts: [mo, d, h, mi, s], fraction, zone }) =>
      [String(year).padStart(4, "0"), `-${mo}-${d}T${h}:${mi}:${s}${fraction}${zone}`].join(""),
    );
    const bent = fc
      .tuple(text, fc.nat(30), fc.constantFrom(..."0-:TZ. +x"))
      .map(([whole, at, letter]) => `${whole.slice(0, at)}${letter}${whole.slice(at + 1)}`);
    let count = 0;
    fc.assert(
      fc.property(fc.oneof(text, bent), (iso) => {
        const made = written(writeZonedTimestamp, iso);
        if (made === null) return;
        count++;
        expect(made).toBe(timestampOfIso(iso, true));
      }),
      { numRuns: 5_000 },
    );
    expect(count).toBeGreaterThan(300);
    expect(written(writeZonedTimestamp, "2026-11-22T12:34:56.500Z")).toBe(
      "2026-11-22 12:34:56.5+00",
    );
  });
});

describe("escapes", () => {
  it("become what JSON.parse makes of them, or are left to it", () => {
    let count = 0;
    const ascii = fc.string({ unit: "binary-ascii", maxLength: 20 });
    const escaped = fc.string({ unit: fc.constantFrom(...'ab"\\/\b\f\n\r\t'.split("")) });
    fc.assert(
      fc.property(fc.oneof(ascii, escaped), (string) => {
        const json = JSON.stringify(string).replaceAll("/", "\\/");
        const made = written(writeUnescaped, json.slice(1, -1));
        if (made === null) return;
        count++;
        expect(made).toBe(string);
      }),
      { numRuns: 2_000 },
    );
    expect(count).toBeGreaterThan(500);
  });
});

describe("decimals", () => {
  it("are what the careful way makes of them, or are left to it", () => {
    let count = 0;
    const bytes = fc.uint8Array({ maxLength: 8 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: -2, max: 32 }), (unscaled, scale) => {
        const text = Buffer.from(unscaled).toString("base64");
        const made = written(decimalWriter(scale), text);
        if (made === null) return;
        count++;
        expect(made).toBe(decimalText(unscaled, scale));
      }),
      { numRuns: 5_000 },
    );
    expect(count).toBeGreaterThan(1_000);
  });

  it("are left to the careful way where they are written in another way than bytes ever are", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9+/=_\- ]{0,9}$/), (text) => {
        const made = written(decimalWriter(2), text);
        if (made !== null) {
          const bytes = Buffer.from(text, "base64");
          expect(bytes.toString("base64")).toBe(text);
          expect(made).toBe(decimalText(bytes, 2));
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
