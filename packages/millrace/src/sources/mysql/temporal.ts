/*
 * Hot: texts of dates and times from the numbers that a log has. Dates repeat, so their texts are kept; fractions of
 * seconds are without zeros at their ends, as PostgreSQL prints them, whatever the column's precision.
 */

const TWO = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, "0"));
/** `HH:MM:` by minute of the day. */
const MINUTES = Array.from(
  { length: 1_440 },
  (_, minute) => `${TWO[Math.floor(minute / 60)]}:${TWO[minute % 60]}:`,
);

/** `SS+00` by second. */
const SECONDS_IN_UTC = TWO.slice(0, 60).map((second) => `${second}+00`);

const two = (n: number): string => TWO[n] ?? String(n);

/** Powers of two, so that a mask finds the slot. */
const SLOTS = 1_024;
const dayKeys = new Int32Array(SLOTS).fill(-1);
const dayTexts = new Array<string>(SLOTS).fill("");
const epochDayKeys = new Int32Array(SLOTS).fill(-1);
const epochDayTexts = new Array<string>(SLOTS).fill("");
const epochMinuteKeys = new Int32Array(SLOTS).fill(-1);
const epochMinuteTexts = new Array<string>(SLOTS).fill("");

/** `2026-11-21`; parts may be 0, or more than there are. */
export function dateText(year: number, month: number, day: number): string {
  const key = (year << 10) | (month << 5) | day;
  const slot = (day + month * 31 + year * 372) & (SLOTS - 1);
  if (dayKeys[slot] === key) return dayTexts[slot] ?? "";
  const text = `${two(Math.floor(year / 100))}${two(year % 100)}-${two(month)}-${two(day)}`;
  dayKeys[slot] = key;
  dayTexts[slot] = text;
  return text;
}

const THREE = Array.from({ length: 1_000 }, (_, n) => String(n).padStart(3, "0"));
const THREE_TRIMMED = THREE.map((digits) => digits.replace(/0+$/, ""));

/** `.5`, or nothing. */
function fractionText(micros: number): string {
  if (micros === 0) return "";
  const millis = Math.floor(micros / 1_000);
  const rest = micros - millis * 1_000;
  return rest === 0
    ? `.${THREE_TRIMMED[millis] ?? ""}`
    : `.${THREE[millis] ?? ""}${THREE_TRIMMED[rest] ?? ""}`;
}

function clockText(hour: number, minute: number, second: number, micros: number): string {
  const start =
    hour < 24 && minute < 60 ? (MINUTES[hour * 60 + minute] ?? "") : `${two(hour)}:${two(minute)}:`;
  return micros === 0 ? start + two(second) : start + two(second) + fractionText(micros);
}

function fraction(view: DataView, at: number, bytes: number): number {
  if (bytes === 0) return 0;
  if (bytes === 1) return view.getUint8(at) * 10_000;
  if (bytes === 2) return view.getUint16(at) * 100;
  return (view.getUint8(at) << 16) | view.getUint16(at + 1);
}

const DATETIME_OFFSET = 0x80_0000_0000;
const SECONDS_OF_DAY = 131_072; // 17 bits

/** A DATETIME of 5 bytes and a fraction. */
export function datetimeText(view: DataView, at: number, bytes: number): string {
  const packed = view.getUint8(at) * 0x1_0000_0000 + view.getUint32(at + 1) - DATETIME_OFFSET;
  return packedText(packed, fraction(view, at + 5, bytes));
}

/** Year and month, day and clock in one number, as JSON has them too. */
export function packedText(packed: number, micros: number): string {
  const days = Math.floor(packed / SECONDS_OF_DAY);
  const clock = packed - days * SECONDS_OF_DAY;
  const months = days >> 5;
  const year = Math.floor(months / 13);
  const date = dateText(year, months - year * 13, days & 31);
  return `${date} ${clockText(clock >> 12, (clock >> 6) & 63, clock & 63, micros)}`;
}

/** A TIMESTAMP of 4 bytes and a fraction, in UTC. */
export function timestampText(view: DataView, at: number, bytes: number): string {
  return epochText(view.getUint32(at), fraction(view, at + 4, bytes));
}

/** 0 is what the servers have for a zero date. */
export function epochText(seconds: number, micros: number): string {
  if (seconds === 0 && micros === 0) return ZERO_TIMESTAMP;
  const minute = Math.floor(seconds / 60);
  const second = seconds - minute * 60;
  const start = epochMinuteText(minute);
  return micros === 0
    ? start + (SECONDS_IN_UTC[second] ?? "")
    : start + `${two(second)}${fractionText(micros)}+00`;
}

const ZERO_TIMESTAMP = "0000-00-00 00:00:00+00";

/** `2026-11-21 05:12:`; kept whole, since each join leaves a string behind. */
function epochMinuteText(minute: number): string {
  const slot = minute & (SLOTS - 1);
  if (epochMinuteKeys[slot] === minute) return epochMinuteTexts[slot] ?? "";
  const day = Math.floor(minute / 1_440);
  const text = `${epochDayText(day)} ${MINUTES[minute - day * 1_440] ?? ""}`;
  epochMinuteKeys[slot] = minute;
  epochMinuteTexts[slot] = text;
  return text;
}

function epochDayText(day: number): string {
  const slot = day & (SLOTS - 1);
  if (epochDayKeys[slot] === day) return epochDayTexts[slot] ?? "";
  const text = new Date(day * 86_400_000).toISOString().slice(0, 10);
  epochDayKeys[slot] = day;
  epochDayTexts[slot] = text;
  return text;
}

/** A TIME of 3 bytes and a fraction: from -838:59:59 to 838:59:59. */
export function timeText(view: DataView, at: number, bytes: number): string {
  const unit = bytes === 0 ? 1 : bytes === 1 ? 256 : bytes === 2 ? 65_536 : 16_777_216;
  let whole = (view.getUint8(at) << 16) | view.getUint16(at + 1);
  for (let index = 0; index < bytes; index += 1)
    whole = whole * 256 + view.getUint8(at + 3 + index);
  const value = whole - 0x80_0000 * unit;
  const size = Math.abs(value);
  const clock = Math.floor(size / unit);
  const scale = bytes === 1 ? 10_000 : bytes === 2 ? 100 : 1;
  const text = clockText(
    (clock >> 12) & 1_023,
    (clock >> 6) & 63,
    clock & 63,
    (size - clock * unit) * scale,
  );
  return value < 0 ? `-${text}` : text;
}

/** A DATE of 3 bytes. */
export function dateOf(view: DataView, at: number): string {
  const packed = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
  return dateText(packed >> 9, (packed >> 5) & 15, packed & 31);
}

/** A DATETIME as servers wrote it before 5.6: its digits as one number. */
export function oldDatetimeText(view: DataView, at: number): string {
  const number = view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
  const date = Math.floor(number / 1_000_000);
  const text = dateText(Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100);
  return `${text} ${digitsText(number - date * 1_000_000)}`;
}

/** A TIME as servers wrote it before 5.6. */
export function oldTimeText(view: DataView, at: number): string {
  const number = view.getUint16(at, true) | (view.getInt8(at + 2) << 16);
  return number < 0 ? `-${digitsText(-number)}` : digitsText(number);
}

function digitsText(number: number): string {
  return clockText(Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100, 0);
}

/** Whether the text of a date begins with a zero part: no date anywhere else. */
export function isZeroDate(text: string): boolean {
  return text.startsWith("0000-") || text.startsWith("00", 5) || text.startsWith("00", 8);
}

const FIRST_YEAR = 1_900;

/** A YEAR; 0 is 0000. */
export function yearOf(byte: number): number {
  return byte === 0 ? 0 : FIRST_YEAR + byte;
}
