/*
 * Hot: past JSON's values as they are mostly written, without blanks between their parts, and without making anything of them.
 * Everything gives the place behind what it passes, or −1 where that is no JSON or has blanks: then the careful way decides.
 */

import { type ScannedBytes, WORD_BYTES } from "./scanned-bytes.ts";

const OBJECT = 0x7b;
const OBJECT_END = 0x7d;
const ARRAY = 0x5b;
const ARRAY_END = 0x5d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SMALL_E = 0x65;
const SMALL_U = 0x75;
const HEX_DIGITS = 4;
/** What is nested more deeply is left to the careful way. */
const MAX_DEPTH = 16;

const ONES = 0x01010101;
const BLANKS = 0x20 * ONES;
const QUOTES = QUOTE * ONES;
const BACKSLASHES = BACKSLASH * ONES;
const HIGHEST_BITS = -0x7f7f7f80;

/** Letters that may stand behind a backslash. */
const SIMPLE_ESCAPES = new Uint8Array(256);
for (const letter of '"\\/bfnrt') SIMPLE_ESCAPES[letter.charCodeAt(0)] = 1;

/** Past any value that stands at `at`. */
export function pastValue(scanned: ScannedBytes, at: number, end: number, depth = 0): number {
  if (at >= end) return -1;
  const { bytes } = scanned;
  switch (bytes[at]) {
    case QUOTE:
      return pastString(scanned, at + 1, end);
    case OBJECT:
      return depth < MAX_DEPTH ? pastObject(scanned, at + 1, end, depth) : -1;
    case ARRAY:
      return depth < MAX_DEPTH ? pastArray(scanned, at + 1, end, depth) : -1;
    case 0x6e:
      return pastNull(bytes, at, end);
    case 0x74:
      return pastTrue(bytes, at, end);
    case 0x66:
      return pastFalse(bytes, at, end);
    default:
      return pastNumber(bytes, at, end);
  }
}

/** Past a string whose first character stands at `at`. */
export function pastString(scanned: ScannedBytes, start: number, end: number): number {
  const { bytes } = scanned;
  for (let at = pastPlain(scanned, start, end); at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return -1;
    if (byte === BACKSLASH) {
      at = lastOfEscape(bytes, at, end);
      if (at < 0) return -1;
    }
  }
  return -1;
}

/**
 * Past characters that are nothing but themselves, as many as whole words hold: ASCII without quotation marks, backslashes and
 * control characters. What follows may be one of them still.
 */
export function pastPlain({ view, lastWord }: ScannedBytes, at: number, end: number): number {
  for (const last = Math.min(lastWord, end - WORD_BYTES); at <= last; at += WORD_BYTES) {
    const word = view.getInt32(at, true);
    // The highest bit of a byte that is less than what is taken from it, or that has it itself. A borrow may set it of the next
    // one too: the word is looked at byte by byte then.
    const marks = word | (word - BLANKS) | ((word ^ QUOTES) - ONES) | ((word ^ BACKSLASHES) - ONES);
    if ((marks & HIGHEST_BITS) !== 0) return at;
  }
  return at;
}

/** The last byte of the escape whose backslash stands at `at`. */
export function lastOfEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return -1;
  const letter = bytes[at + 1] ?? 0;
  if (SIMPLE_ESCAPES[letter] === 1) return at + 1;
  if (letter !== SMALL_U || at + 1 + HEX_DIGITS >= end) return -1;
  for (let digit = 0; digit < HEX_DIGITS; digit++)
    if (!isHex(bytes[at + 2 + digit] ?? 0)) return -1;
  return at + 1 + HEX_DIGITS;
}

function isHex(byte: number): boolean {
  const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66;
  return isLetter || (byte >= ZERO && byte <= NINE);
}

/** Past a number. */
export function pastNumber(bytes: Uint8Array, at: number, end: number): number {
  let behind = pastInteger(bytes, at, end);
  if (behind < 0 || behind >= end) return behind;
  if (bytes[behind] === POINT) behind = pastDigits(bytes, behind + 1, end);
  if (behind < 0 || behind >= end) return behind;
  if (((bytes[behind] ?? 0) | 0x20) !== SMALL_E) return behind;
  const sign = behind + 1 < end ? (bytes[behind + 1] ?? 0) : 0;
  return pastDigits(bytes, behind + (sign === PLUS || sign === MINUS ? 2 : 1), end);
}

/** Past the part of a number that is in front of its point. */
export function pastInteger(bytes: Uint8Array, at: number, end: number): number {
  const first = at < end && bytes[at] === MINUS ? at + 1 : at;
  const behind = pastDigits(bytes, first, end);
  return behind > first + 1 && bytes[first] === ZERO ? -1 : behind;
}

/** Past one digit or more. */
function pastDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < ZERO || byte > NINE) break;
  }
  return at === start ? -1 : at;
}

/** Past `null`. */
export function pastNull(bytes: Uint8Array, at: number, end: number): number {
  const is = bytes[at + 1] === 0x75 && bytes[at + 2] === 0x6c && bytes[at + 3] === 0x6c;
  return is && at + 4 <= end ? at + 4 : -1;
}

/** Past `true`. */
export function pastTrue(bytes: Uint8Array, at: number, end: number): number {
  const is = bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65;
  return is && at + 4 <= end ? at + 4 : -1;
}

/** Past `false`. */
export function pastFalse(bytes: Uint8Array, at: number, end: number): number {
  const is =
    bytes[at + 1] === 0x61 &&
    bytes[at + 2] === 0x6c &&
    bytes[at + 3] === 0x73 &&
    bytes[at + 4] === 0x65;
  return is && at + 5 <= end ? at + 5 : -1;
}

function pastObject(scanned: ScannedBytes, start: number, end: number, depth: number): number {
  const { bytes } = scanned;
  if (start < end && bytes[start] === OBJECT_END) return start + 1;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== QUOTE) return -1;
    const colon = pastString(scanned, at + 1, end);
    if (colon < 0 || colon >= end || bytes[colon] !== COLON) return -1;
    at = pastValue(scanned, colon + 1, end, depth + 1);
    if (at < 0 || at >= end) return -1;
    if (bytes[at] === OBJECT_END) return at + 1;
    if (bytes[at] !== COMMA) return -1;
  }
  return -1;
}

function pastArray(scanned: ScannedBytes, start: number, end: number, depth: number): number {
  const { bytes } = scanned;
  if (start < end && bytes[start] === ARRAY_END) return start + 1;
  for (let at = start; at < end; at++) {
    at = pastValue(scanned, at, end, depth + 1);
    if (at < 0 || at >= end) return -1;
    if (bytes[at] === ARRAY_END) return at + 1;
    if (bytes[at] !== COMMA) return -1;
  }
  return -1;
}
