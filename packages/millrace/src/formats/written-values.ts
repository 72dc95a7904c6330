/*
 * Hot: canonical texts straight from a message's bytes, for what nearly all values of their types are. False leaves a value to
 * the careful way, which reads every one; what is written is what that makes of it.
 */
import type { ByteWriter } from "./byte-writer.ts";

const BLANK = 0x20;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
const NINE = 0x39;
const PADDING = 0x3d;
const T = 0x54;
const Z = 0x5a;

const YEAR_END = 4;
const DATE_CHARS = 10;
const SECONDS_END = 19;
/** What stands at each place of `2024-02-29T12:34:56` that is no digit. */
const MARKS: readonly (readonly [at: number, mark: number])[] = [
  [YEAR_END, MINUS],
  [7, MINUS],
  [DATE_CHARS, T],
  [13, COLON],
  [16, COLON],
];
const MAX_STAMP_CHARS = 40;

/** `2024-02-29T12:34:56.780Z` as `2024-02-29 12:34:56.78+00`: years of four digits after Christ, in UTC. */
export function writeZonedTimestamp(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: ByteWriter,
): boolean {
  const chars = end - start;
  if (chars <= SECONDS_END || chars > MAX_STAMP_CHARS || bytes[end - 1] !== Z) return false;
  const digitsEnd = fractionEnd(bytes, start + SECONDS_END, end - 1);
  if (digitsEnd < 0 || !isStamp(bytes, start)) return false;
  out.reserve(MAX_STAMP_CHARS + 3);
  const { buffer } = out;
  let at = out.length;
  for (let i = start; i < digitsEnd; i++) buffer[at++] = bytes[i] ?? 0;
  buffer[out.length + DATE_CHARS] = BLANK;
  buffer[at++] = PLUS;
  buffer[at++] = ZERO;
  buffer[at++] = ZERO;
  out.length = at;
  return true;
}

function isStamp(bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < MARKS.length; i++) {
    const [at, mark] = MARKS[i] ?? [0, 0];
    if (bytes[start + at] !== mark) return false;
  }
  let digits = 0;
  for (let i = 0; i < SECONDS_END; i++) if (isDigit(bytes[start + i] ?? 0)) digits++;
  // The year 0 is one before Christ.
  const isYear =
    (bytes[start] ?? 0) +
    (bytes[start + 1] ?? 0) +
    (bytes[start + 2] ?? 0) +
    (bytes[start + 3] ?? 0);
  return digits === SECONDS_END - MARKS.length && isYear > YEAR_END * ZERO;
}

/** Where the seconds end without zeros that say nothing; −1 where they have no such end. */
function fractionEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at === end) return at;
  if (bytes[at] !== POINT || at + 1 === end) return -1;
  let last = at;
  for (let i = at + 1; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (!isDigit(byte)) return -1;
    if (byte !== ZERO) last = i + 1;
  }
  return last;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** What a letter behind a backslash stands for; 0 where that is not one character of ASCII. */
const ESCAPED = new Uint8Array(256);
for (const [letter, meant] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"].map((pair) =>
  Buffer.from(pair),
))
  ESCAPED[letter ?? 0] = meant ?? 0;

/** A string of ASCII with the characters that its escapes stand for; those by number are left to the careful way. */
export function writeUnescaped(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: ByteWriter,
): boolean {
  out.reserve(end - start);
  const { buffer } = out;
  let at = out.length;
  for (let i = start; i < end; i++) {
    let byte = bytes[i] ?? 0;
    if (byte === BACKSLASH) {
      byte = ESCAPED[bytes[++i] ?? 0] ?? 0;
      if (byte === 0) return false;
    }
    buffer[at++] = byte;
  }
  out.length = at;
  return true;
}

/** What a digit of base64 is worth; 64 where it is none. */
const SEXTETS = new Uint8Array(256).fill(64);
const DIGITS = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
for (const [value, digit] of DIGITS.entries()) SEXTETS[digit] = value;

/** As many characters as six bytes have, which a number holds. */
const MAX_SHORT_CHARS = 8;
const MAX_SHORT_SCALE = 30;

/** Connect's decimal of this scale: the unscaled number's bytes in base64, as its digits with a point. */
export function decimalWriter(
  scale: number,
): (bytes: Uint8Array, start: number, end: number, out: ByteWriter) => boolean {
  return (bytes, start, end, out) => {
    if (scale < 0 || scale > MAX_SHORT_SCALE) return false;
    const value = shortNumber(bytes, start, end);
    if (Number.isNaN(value)) return false;
    writeScaled(value, scale, out);
    return true;
  };
}

/** The number of few bytes, two's complement; NaN where they are more, or no base64 as it is always written. */
function shortNumber(bytes: Uint8Array, start: number, end: number): number {
  const chars = end - start;
  if (chars === 0 || chars > MAX_SHORT_CHARS || chars % 4 !== 0) return Number.NaN;
  const padding = bytes[end - 1] !== PADDING ? 0 : bytes[end - 2] !== PADDING ? 1 : 2;
  let value = 0;
  for (let at = start; at < end - padding; at++) {
    const sextet = SEXTETS[bytes[at] ?? 0] ?? 64;
    if (sextet > 63) return Number.NaN;
    value = value * 64 + sextet;
  }
  // The last digit has bits that are no byte's: two for each that is missing.
  const unused = 4 ** padding;
  if (value % unused !== 0) return Number.NaN;
  value /= unused;
  const all = 256 ** ((chars / 4) * 3 - padding);
  return value >= all / 2 ? value - all : value;
}

function writeScaled(value: number, scale: number, out: ByteWriter): void {
  if (value < 0) out.byte(MINUS);
  out.reserve(MAX_SHORT_SCALE + 2 * SECONDS_END);
  const { buffer } = out;
  const begun = out.length;
  let rest = Math.abs(value);
  let digits = 0;
  let at = begun + Math.max(digitsOf(rest), scale + 1) + (scale > 0 ? 1 : 0);
  out.length = at;
  while (at > begun) {
    if (digits === scale && scale > 0) buffer[--at] = POINT;
    const next = Math.floor(rest / 10);
    buffer[--at] = ZERO + (rest - next * 10);
    rest = next;
    digits++;
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; bound <= value; bound *= 10) digits++;
  return digits;
}
