/*
 * Hot: numbers and ISO texts from canonical texts of dates and times (PostgreSQL's ISO form, UTC), by their digits. What a
 * number cannot hold exactly is a bigint; a text that is none of these throws {@link NotTemporal}.
 */

/** Neither a date nor a time as PostgreSQL prints one. */
export class NotTemporal extends Error {}

const ZERO = 48;
const DAY_MS = 86_400_000;
const DAY_US = 86_400_000_000n;
/** `9223372036825200000`, which is what PostgreSQL's own driver has for infinity. */
const INFINITY = 9_223_372_036_825_200_000n;
const MINUS_INFINITY = -9_223_372_036_832_400_000n;
/** PostgreSQL's own numbers of these dates. */
const DATE_INFINITY = 2_147_483_647;
const DATE_MINUS_INFINITY = -2_147_483_648;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Where the date of a text ended, and how many days it is after 1970-01-01. One object, used again. */
const found = { at: 0, days: 0 };

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - ZERO;
  if (value >= 0 && value <= 9) return value;
  throw new NotTemporal();
}

function two(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

/** Days after 1970-01-01 of a date of the proleptic Gregorian calendar, with a year 0 (1 BC). */
export function daysOf(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * 146_097 + dayOfEra + dayOfYear - 719_468;
}

/** The last date that was taken apart: dates repeat from row to row. */
let lastDate = "";
let lastDays = 0;

/** Reads the date at the beginning of a text that is not infinite. */
function readDate(text: string): typeof found {
  if (lastDate !== "" && text.startsWith(lastDate) && !text.endsWith("BC")) {
    found.at = lastDate.length;
    found.days = lastDays;
    return found;
  }
  let at = text.indexOf("-");
  if (at < 4) throw new NotTemporal();
  let year = 0;
  for (let i = 0; i < at; i++) year = year * 10 + digit(text, i);
  if (text.endsWith(" BC")) year = 1 - year;
  const month = two(text, at + 1);
  const day = two(text, at + 4);
  if (month < 1 || month > 12 || day < 1 || day > 31 || text.charCodeAt(at + 3) !== 45)
    throw new NotTemporal();
  at += 6;
  found.at = at;
  found.days = daysOf(year, month, day);
  if (at === 10 && year > 0) {
    lastDate = text.slice(0, at);
    lastDays = found.days;
  }
  return found;
}

/** Microseconds of `HH:MM:SS[.ffffff]` at `at`; what comes behind is left. MySQL's times have signs and up to 838 hours. */
function readClock(text: string, start: number): number {
  let at = start;
  const isNegative = text.charCodeAt(at) === 45;
  if (isNegative) at++;
  const colon = text.indexOf(":", at);
  if (colon < at + 2 || colon > at + 3) throw new NotTemporal();
  let hours = 0;
  for (; at < colon; at++) hours = hours * 10 + digit(text, at);
  const minutes = two(text, colon + 1);
  let seconds = 0;
  at = colon + 3;
  if (text.charCodeAt(at) === 58) {
    seconds = two(text, at + 1);
    at += 3;
  }
  let micros = 0;
  if (text.charCodeAt(at) === 46) {
    let unit = 100_000;
    for (at++; at < text.length; at++) {
      const value = text.charCodeAt(at) - ZERO;
      if (value < 0 || value > 9) break;
      micros += value * unit;
      unit = Math.floor(unit / 10);
    }
  }
  clockEnd = at;
  const total = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
  return isNegative ? -total : total;
}

/** Where {@link readClock} stopped. */
let clockEnd = 0;

/** Days after 1970-01-01. */
export function epochDay(text: string): number {
  if (text === "infinity") return DATE_INFINITY;
  if (text === "-infinity") return DATE_MINUS_INFINITY;
  return readDate(text).days;
}

/** Microseconds after midnight; `24:00:00` is a whole day. */
export function timeMicros(text: string): number {
  return readClock(text, 0);
}

/** Milliseconds after midnight. @throws NotTemporal where that would lose microseconds. */
export function timeMillis(text: string): number {
  return wholeMillis(readClock(text, 0));
}

/** Microseconds after 1970-01-01 00:00:00 UTC. @throws NotTemporal beyond 64 bits. */
export function timestampMicros(text: string): number | bigint {
  const infinite = infinity(text);
  if (infinite !== null) return infinite;
  const { days, at } = readDate(text);
  const clock = readClock(text, at + 1);
  const micros = days * 86_400_000_000 + clock;
  if (Number.isSafeInteger(micros) && Math.abs(days) < 100_000) return micros;
  return inInt64(BigInt(days) * DAY_US + BigInt(clock));
}

/** Milliseconds. @throws NotTemporal where that would lose microseconds. */
export function timestampMillis(text: string): number | bigint {
  const infinite = infinity(text);
  if (infinite !== null) return infinite;
  const { days, at } = readDate(text);
  return days * DAY_MS + wholeMillis(readClock(text, at + 1));
}

/** Nanoseconds. @throws NotTemporal beyond 64 bits: years before 1678 and after 2261. */
export function timestampNanos(text: string): bigint {
  const infinite = infinity(text);
  if (infinite !== null) return infinite;
  return inInt64(BigInt(timestampMicros(text)) * 1_000n);
}

function infinity(text: string): bigint | null {
  if (text === "infinity") return INFINITY;
  return text === "-infinity" ? MINUS_INFINITY : null;
}

function inInt64(value: bigint): bigint {
  if (value > MAX_INT64 || value < -MAX_INT64 - 1n) throw new NotTemporal();
  return value;
}

function wholeMillis(micros: number): number {
  const millis = micros / 1_000;
  if (Number.isInteger(millis)) return millis;
  throw new NotTemporal();
}

/** `2018-06-20T13:37:03.123456Z` of a timestamp with time zone in UTC; `digits` behind the point. */
export function zonedTimestamp(text: string, digits: number): string {
  if (text === "infinity" || text === "-infinity") return text;
  const end = text.endsWith(" BC") ? text.length - 3 : text.length;
  const zone = text.lastIndexOf("+", end);
  return `${isoTimestamp(zone === -1 ? text : text.slice(0, zone) + text.slice(end), digits)}Z`;
}

/** `2018-06-20T13:37:03.123456` of a timestamp; years before 1 and after 9999 have a sign, as ISO 8601 wants it. */
export function isoTimestamp(text: string, digits: number): string {
  if (text === "infinity" || text === "-infinity") return text;
  const end = text.endsWith(" BC") ? text.length - 3 : text.length;
  const space = text.indexOf(" ");
  if (space === -1 || space === end) throw new NotTemporal();
  const date = isoDate(text.slice(0, space) + text.slice(end));
  return `${date}T${paddedClock(text.slice(space + 1, end), digits)}`;
}

/** `2018-06-20`, `-0043-03-15`, `+10000-01-01`. */
export function isoDate(text: string): string {
  if (text === "infinity" || text === "-infinity") return text;
  const bc = text.endsWith(" BC");
  const dash = text.indexOf("-");
  if (dash < 4) throw new NotTemporal();
  if (!bc && dash === 4) return text;
  const year = Number(text.slice(0, dash));
  if (!bc) return `+${text}`;
  const rest = text.slice(dash, text.length - 3);
  return year === 1 ? `0000${rest}` : `-${String(year - 1).padStart(4, "0")}${rest}`;
}

const ZEROS = "000000";

/** With as many digits behind the point as the column has; where there are more, all of them. */
export function paddedClock(clock: string, digits: number): string {
  const point = clock.indexOf(".");
  if (digits <= 0 && point === -1) return clock;
  const have = point === -1 ? 0 : clock.length - point - 1;
  if (have >= digits) return clock;
  return `${clock}${point === -1 ? "." : ""}${ZEROS.slice(0, digits - have)}`;
}

/** `12:30:00Z` of a time with time zone: moved to UTC, within the day. */
export function zonedTime(text: string): string {
  const clock = readClock(text, 0);
  const offset = clockEnd < text.length ? offsetMicros(text, clockEnd) : 0;
  const day = Number(DAY_US);
  // 24:00:00 is a time of its own in UTC.
  const utc = offset === 0 ? clock : (((clock - offset) % day) + day) % day;
  return `${clockText(utc)}Z`;
}

/** `+05:30`, `-12`, `+01:02:03`. */
function offsetMicros(text: string, at: number): number {
  const sign = text.charAt(at) === "-" ? -1 : 1;
  const [hours = 0, minutes = 0, seconds = 0] = text
    .slice(at + 1)
    .split(":")
    .map(Number);
  return sign * ((hours * 60 + minutes) * 60 + seconds) * 1_000_000;
}

/** `HH:MM:SS[.ffffff]`, without zeros at its end. */
export function clockText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const rest = micros - seconds * 1_000_000;
  const pair = (value: number): string => String(value).padStart(2, "0");
  const text = `${pair(Math.floor(seconds / 3_600))}:${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}`;
  return rest === 0 ? text : `${text}.${String(rest).padStart(6, "0").replace(/0+$/, "")}`;
}
