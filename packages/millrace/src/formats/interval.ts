import { NotTemporal } from "./temporal.ts";

/** The parts of an interval, as PostgreSQL keeps them: none can be told by another. */
interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

const UNIT = /([+-]?\d+) (years?|mons?|days?)/g;
const CLOCK = /([+-]?)(\d+):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?$/;
/** Debezium's mean month: 365.25 / 12 days. */
const MONTH_US = 2_629_800_000_000n;
const DAY_US = 86_400_000_000n;

/** Reads PostgreSQL's text, `1 year 2 mons -3 days +04:05:06.789`; MySQL's TIME is its last part. */
function parse(text: string): Interval {
  let months = 0;
  let days = 0;
  for (const [, count = "0", unit = ""] of text.matchAll(UNIT)) {
    if (unit.startsWith("year")) months += Number(count) * 12;
    else if (unit.startsWith("mon")) months += Number(count);
    else days += Number(count);
  }
  const rest = text.replaceAll(UNIT, "").trim();
  if (rest === "") return { months, days, micros: 0n };
  const [, sign, hours, minutes, seconds = "0", fraction = ""] = CLOCK.exec(rest) ?? [];
  if (hours === undefined || minutes === undefined) throw new NotTemporal();
  const whole = (BigInt(hours) * 60n + BigInt(minutes)) * 60n + BigInt(seconds);
  const micros = whole * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
  return { months, days, micros: sign === "-" ? -micros : micros };
}

/** Debezium's `MicroDuration`: microseconds, where a month is 365.25 / 12 days. */
export function intervalMicros(text: string): number | bigint {
  const { months, days, micros } = parse(text);
  const total = BigInt(months) * MONTH_US + BigInt(days) * DAY_US + micros;
  if (BigInt.asIntN(64, total) !== total) throw new NotTemporal();
  const number = Number(total);
  return Number.isSafeInteger(number) ? number : total;
}

/** Debezium's `Interval`: `P1Y2M-3DT4H5M6.789S`, all parts always there. */
export function intervalText(text: string): string {
  if (text === "infinity" || text === "-infinity") return text;
  const { months, days, micros } = parse(text);
  const years = Math.trunc(months / 12);
  const sign = micros < 0n ? "-" : "";
  const size = micros < 0n ? -micros : micros;
  const seconds = size / 1_000_000n;
  const part = (count: bigint): string => (count === 0n ? "0" : `${sign}${count}`);
  const fraction = String(size % 1_000_000n)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const second = seconds % 60n;
  const last = fraction === "" ? part(second) : `${sign}${second}.${fraction}`;
  return `P${years}Y${months - years * 12}M${days}DT${part(seconds / 3_600n)}H${part((seconds / 60n) % 60n)}M${last}S`;
}
