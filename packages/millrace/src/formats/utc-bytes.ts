/* Hot: a time of a log as the text that messages have of it, without a text between. */
import type { ByteWriter } from "./byte-writer.ts";

const QUOTE = 0x22;
const POINT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
const T = 0x54;
const Z = 0x5a;

const DAY_SECONDS = 86_400;
const DAY_MS = 86_400_000;
const SECONDS_BYTES = 4;
const DATE_BYTES = 10;
const MICRO_DIGITS = 6;
const SECOND_MICROS = 1_000_000;
const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] as const;
/** As much as {@link writeUtc} writes, beside digits of a fraction. */
const MOST_BYTES = 24;

/** The last day whose date was made: times that come together are mostly of one. */
let lastDay = -1;
/** `2026-11-23` */
let lastDate = Buffer.alloc(DATE_BYTES);

/**
 * Writes seconds since 1970, of four bytes, and a fraction, of up to three behind them, as `"2026-11-23T06:00:00.000000Z"` with so
 * many digits behind the point. False, and nothing is written, where it is no time, or has more digits.
 */
export function writeUtc(
  view: DataView | null,
  start: number,
  end: number,
  digits: number,
  out: ByteWriter,
): boolean {
  if (view === null) return false;
  const seconds = view.getUint32(start);
  const micros = microsAt(view, start + SECONDS_BYTES, end);
  const unit = POWERS[MICRO_DIGITS - digits] ?? 0;
  const fraction = unit === 0 ? 0 : micros / unit;
  const isNone = (seconds === 0 && micros === 0) || micros >= SECOND_MICROS;
  if (isNone || unit === 0 || !Number.isInteger(fraction)) return false;
  out.reserve(MOST_BYTES + digits);
  const { buffer } = out;
  const day = Math.floor(seconds / DAY_SECONDS);
  let at = out.length;
  buffer[at++] = QUOTE;
  at = writeDate(buffer, at, day);
  buffer[at++] = T;
  at = writeClock(buffer, at, seconds - day * DAY_SECONDS);
  if (digits > 0) {
    buffer[at++] = POINT;
    at = writeDigits(buffer, at, fraction, digits);
  }
  buffer[at++] = Z;
  buffer[at++] = QUOTE;
  out.length = at;
  return true;
}

function writeDate(buffer: Buffer, at: number, day: number): number {
  if (day !== lastDay) {
    lastDate = Buffer.from(new Date(day * DAY_MS).toISOString().slice(0, DATE_BYTES));
    lastDay = day;
  }
  for (let i = 0; i < DATE_BYTES; i++) buffer[at + i] = lastDate[i] ?? ZERO;
  return at + DATE_BYTES;
}

function writeClock(buffer: Buffer, start: number, clock: number): number {
  const minutes = (clock / 60) | 0;
  const hour = (minutes / 60) | 0;
  let at = two(buffer, start, hour);
  buffer[at++] = COLON;
  at = two(buffer, at, minutes - hour * 60);
  buffer[at++] = COLON;
  return two(buffer, at, clock - minutes * 60);
}

function writeDigits(buffer: Buffer, at: number, number: number, digits: number): number {
  let rest = number;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    buffer[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

function two(buffer: Buffer, at: number, number: number): number {
  const tens = (number / 10) | 0;
  buffer[at] = ZERO + tens;
  buffer[at + 1] = ZERO + number - tens * 10;
  return at + 2;
}

/** Hundredths, tens of thousandths or millionths of a second, by how many bytes there are of them. */
function microsAt(view: DataView, at: number, end: number): number {
  switch (end - at) {
    case 0:
      return 0;
    case 1:
      return view.getUint8(at) * 10_000;
    case 2:
      return view.getUint16(at) * 100;
    default:
      return (view.getUint8(at) << 16) | view.getUint16(at + 1);
  }
}
