import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "./byte-writer.ts";
import { decimalText, NotDecimal, UnscaledBytes, unscaledBytes } from "./decimal.ts";
import { intervalMicros, intervalText } from "./interval.ts";
import { jsonWriter } from "./json-values.ts";
import {
  epochDay,
  isoDate,
  isoTimestamp,
  NotTemporal,
  timeMicros,
  timeMillis,
  timestampMicros,
  timestampMillis,
  timestampNanos,
  zonedTime,
  zonedTimestamp,
} from "./temporal.ts";

const DAY_MS = 86_400_000;
/** Days that JavaScript's Date knows: 271821 BC to 275760 AD. */
const anyDay = fc.integer({ min: -99_999_999, max: 99_999_999 });
const anyMicros = fc.integer({ min: 0, max: 86_399_999_999 });

/** PostgreSQL's text of a day, by JavaScript's calendar. */
function dateText(day: number): { date: string; suffix: string } {
  const date = new Date(day * DAY_MS);
  const year = date.getUTCFullYear();
  const pad = (value: number): string => String(value).padStart(2, "0");
  const shown = String(year > 0 ? year : 1 - year).padStart(4, "0");
  const text = `${shown}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  return { date: text, suffix: year > 0 ? "" : " BC" };
}

function clockText(micros: number): string {
  const base = new Date(Math.floor(micros / 1_000)).toISOString().slice(11, 19);
  const rest = String(micros % 1_000_000)
    .padStart(6, "0")
    .replace(/0+$/, "");
  return rest === "" ? base : `${base}.${rest}`;
}

describe("dates and times", () => {
  it("become days, microseconds and nanoseconds as a calendar has them, before Christ too", () => {
    fc.assert(
      fc.property(anyDay, anyMicros, (day, micros) => {
        const { date, suffix } = dateText(day);
        expect(epochDay(`${date}${suffix}`)).toBe(day);
        expect(timeMicros(clockText(micros))).toBe(micros);
        const text = `${date} ${clockText(micros)}${suffix}`;
        const expected = BigInt(day) * 86_400_000_000n + BigInt(micros);
        expect(BigInt(timestampMicros(text))).toBe(expected);
        if (micros % 1_000 === 0) expect(BigInt(timestampMillis(text))).toBe(expected / 1_000n);
        else expect(() => timestampMillis(text)).toThrow(NotTemporal);
        if (Math.abs(day) < 100_000) expect(timestampNanos(text)).toBe(expected * 1_000n);
      }),
      { numRuns: 500 },
    );
  });

  it("become ISO texts that JavaScript reads as the same moment", () => {
    fc.assert(
      fc.property(anyDay, fc.integer({ min: 0, max: DAY_MS - 1 }), (day, millis) => {
        const { date, suffix } = dateText(day);
        const iso = zonedTimestamp(`${date} ${clockText(millis * 1_000)}+00${suffix}`, 3);
        // JavaScript wants six digits where the year has a sign.
        const widened = iso.replace(/^([+-])(\d{4,5})-/, (_, sign: string, year: string) => {
          return `${sign}${year.padStart(6, "0")}-`;
        });
        expect(Date.parse(widened)).toBe(day * DAY_MS + millis);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["infinity", 2_147_483_647],
    ["-infinity", -2_147_483_648],
    ["0001-01-01", -719_162],
    ["0001-12-31 BC", -719_163],
    ["4714-11-24 BC", -2_440_588],
    ["5874897-12-31", 2_145_042_905],
  ])("has the day %s", (text, day) => {
    expect(epochDay(text)).toBe(day);
  });

  it.each([
    ["2018-06-20 15:13:16.945104", 1_529_507_596_945_104n],
    ["infinity", 9_223_372_036_825_200_000n],
    ["-infinity", -9_223_372_036_832_400_000n],
    ["4713-01-01 00:00:00 BC", -210_863_520_000_000_000n],
    ["294247-01-10 04:00:54.775807", 9_223_372_036_854_775_807n],
  ])("has the moment %s", (text, micros) => {
    expect(BigInt(timestampMicros(text))).toBe(micros);
  });

  it("refuses what 64 bits do not hold", () => {
    expect(() => timestampMicros("294276-12-31 23:59:59.999999")).toThrow(NotTemporal);
    expect(() => timestampNanos("2262-04-12 00:00:00")).toThrow(NotTemporal);
    expect(() => timestampMillis("2024-01-01 00:00:00.0001")).toThrow(NotTemporal);
    expect(() => timeMillis("00:00:00.0001")).toThrow(NotTemporal);
  });

  it("refuses what is no date", () => {
    for (const text of ["", "x", "2024", "2024-13-01", "2024-00-10", "0000-00-00", "20-1-1"])
      expect(() => epochDay(text), text).toThrow(NotTemporal);
  });

  it.each([
    ["24:00:00", 86_400_000_000],
    ["-838:59:59", -3_020_399_000_000],
    ["00:00:00.000001", 1],
  ])("has the time %s", (text, micros) => {
    expect(timeMicros(text)).toBe(micros);
  });

  it.each([
    ["2024-02-29", "2024-02-29"],
    ["0044-03-15 BC", "-0043-03-15"],
    ["0001-03-15 BC", "0000-03-15"],
    ["294276-01-01", "+294276-01-01"],
    ["infinity", "infinity"],
  ])("writes the date %s as %s", (text, iso) => {
    expect(isoDate(text)).toBe(iso);
  });

  it("writes as many digits behind the point as the column has", () => {
    expect(zonedTimestamp("2025-02-22 09:57:48.51736+00", 6)).toBe("2025-02-22T09:57:48.517360Z");
    expect(zonedTimestamp("2018-06-20 06:37:03+00", 0)).toBe("2018-06-20T06:37:03Z");
    expect(isoTimestamp("0044-03-15 12:00:00 BC", 0)).toBe("-0043-03-15T12:00:00");
  });

  it.each([
    ["12:30:00+05:30", "07:00:00Z"],
    ["23:59:59.999999-12", "11:59:59.999999Z"],
    ["00:30:00+01", "23:30:00Z"],
    ["12:00:00+00", "12:00:00Z"],
    ["12:00:00.5+01:02:03", "10:57:57.5Z"],
  ])("moves the time %s to UTC", (text, utc) => {
    expect(zonedTime(text)).toBe(utc);
  });
});

describe("timestamps in JSON", () => {
  it("are written as they are by way of a text, whatever they are", () => {
    const clocks = fc.tuple(anyMicros, fc.constantFrom("", " BC"));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30_000 }),
        clocks,
        fc.constantFrom(0, 3, 6),
        (year, [micros, era], digits) => {
          const stamp = `${String(year).padStart(4, "0")}-02-03 ${clockText(micros)}+00${era}`;
          const out = new ByteWriter(8);
          const text = (value: string): string => zonedTimestamp(value, digits);
          const schema = { type: "string", optional: false } as const;
          jsonWriter({ kind: "string", schema, text, zonedDigits: digits })(stamp, out);
          expect(out.written().toString()).toBe(JSON.stringify(text(stamp)));
        },
      ),
      { numRuns: 1_000, examples: [[1, [0, ""], 0]] },
    );
  });
});

describe("intervals", () => {
  it.each([
    ["1 year 2 mons 3 days 04:05:06.78", "P1Y2M3DT4H5M6.78S", 37_091_106_780_000],
    ["1 year 2 mons -3 days +04:05:06.789", "P1Y2M-3DT4H5M6.789S", 36_572_706_789_000],
    ["-00:00:01", "P0Y0M0DT0H0M-1S", -1_000_000],
    ["-1 years -2 mons", "P-1Y-2M0DT0H0M0S", -36_817_200_000_000],
    ["00:00:00", "P0Y0M0DT0H0M0S", 0],
    ["-838:59:59", "P0Y0M0DT-838H-59M-59S", -3_020_399_000_000],
  ])("writes %s as %s", (text, iso, micros) => {
    expect(intervalText(text)).toBe(iso);
    expect(intervalMicros(text)).toBe(micros);
  });
});

describe("decimals", () => {
  const anyDecimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), fc.integer({ min: 0, max: 20 }))
    .map(([unscaled, scale]) => ({ unscaled, scale, text: textOf(unscaled, scale) }));

  function textOf(unscaled: bigint, scale: number): string {
    const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
    const point = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
    return `${unscaled < 0n ? "-" : ""}${point}`;
  }

  function bytesOf(text: string, scale: number): Uint8Array {
    const scratch = new UnscaledBytes();
    unscaledBytes(text, scale, scratch);
    return Uint8Array.from(scratch.view());
  }

  it("become the shortest two's complement, and come back", () => {
    fc.assert(
      fc.property(anyDecimal, ({ unscaled, scale, text }) => {
        const bytes = bytesOf(text, scale);
        const hex = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
        expect(BigInt.asIntN(bytes.length * 8, hex)).toBe(unscaled);
        const isShortest =
          bytes.length === 1 || BigInt.asIntN((bytes.length - 1) * 8, unscaled) !== unscaled;
        expect(isShortest).toBe(true);
        expect(decimalText(bytes, scale)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["0", 0, "00"],
    ["127", 0, "7f"],
    ["128", 0, "0080"],
    ["-128", 0, "80"],
    ["-129", 0, "ff7f"],
    ["10.5", 2, "041a"],
    ["10.50", 1, "69"],
    ["-0.00", 2, "00"],
  ])("writes %s with scale %i as %s", (text, scale, hex) => {
    expect(Buffer.from(bytesOf(text, scale)).toString("hex")).toBe(hex);
  });

  it("refuses what is no number, and what the scale would cut", () => {
    for (const text of ["NaN", "Infinity", "-Infinity", "", "-", "1e5", "1.2.3"])
      expect(() => bytesOf(text, 2), text).toThrow(NotDecimal);
    expect(() => bytesOf("1.005", 2)).toThrow(NotDecimal);
  });
});
