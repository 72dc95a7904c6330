/*
 * Hot: a decimal's text into its unscaled bytes (two's complement, big endian, as short as may be), which is how Kafka
 * Connect and Avro have it.
 */

/** Not a finite number in plain digits, or one with more digits behind the point than there is room for. */
export class NotDecimal extends Error {}

const ZERO = 48;
const POINT = 46;
const MINUS = 45;
/** Digits that a number holds exactly. */
const SAFE_DIGITS = 15;

/** Digits behind the point of a decimal's text. */
export function scaleOf(text: string): number {
  const point = text.indexOf(".");
  return point === -1 ? 0 : text.length - point - 1;
}

/** A text that is looked at as bytes: what is no ASCII is no digit either. */
const ASCII = new Uint8Array(SAFE_DIGITS);
const NO_DIGIT = 255;

/**
 * The unscaled value of a decimal for a column of this scale, as bytes in `out` (used again; the answer says how many).
 * @throws NotDecimal
 */
export function unscaledBytes(text: string, scale: number, out: UnscaledBytes): void {
  const { length } = text;
  if (length + scale <= SAFE_DIGITS) {
    for (let i = 0; i < length; i++) ASCII[i] = Math.min(text.charCodeAt(i), NO_DIGIT);
    if (unscaledField(ASCII, 0, length, scale, out)) return;
  }
  const digits = digitsAt(text, scale);
  if (digits.length <= SAFE_DIGITS) return out.ofNumber(Number(digits));
  out.ofBigInt(BigInt(digits));
}

/** The same of a decimal's bytes; false where it has more digits than a number holds, or is none. */
export function unscaledField(
  buffer: Uint8Array,
  start: number,
  end: number,
  scale: number,
  out: UnscaledBytes,
): boolean {
  if (end - start + scale > SAFE_DIGITS) return false;
  const first = start < end && buffer[start] === MINUS ? start + 1 : start;
  let value = 0;
  let behind = -1;
  for (let i = first; i < end; i++) {
    const code = buffer[i] ?? 0;
    if (code === POINT && behind < 0) {
      behind = 0;
      continue;
    }
    if (code < ZERO || code > ZERO + 9) return false;
    value = value * 10 + (code - ZERO);
    if (behind >= 0) behind++;
  }
  const have = Math.max(behind, 0);
  if (have > scale || first === end) return false;
  for (let i = have; i < scale; i++) value *= 10;
  out.ofNumber(first > start ? 0 - value : value);
  return true;
}

/** Sign and digits with the point taken out, filled to the scale. */
function digitsAt(text: string, scale: number): string {
  const point = text.indexOf(".");
  const have = point === -1 ? 0 : text.length - point - 1;
  check(text);
  if (point === -1 && scale === 0) return text;
  const all = point === -1 ? text : text.slice(0, point) + text.slice(point + 1);
  if (have === scale) return all;
  if (have < scale) return all + "0".repeat(scale - have);
  const cut = all.length - (have - scale);
  for (let i = Math.max(cut, 0); i < all.length; i++)
    if (all.charCodeAt(i) !== ZERO) throw new NotDecimal();
  const kept = all.slice(0, Math.max(cut, 0));
  return kept === "" || kept === "-" ? "0" : kept;
}

function check(text: string): void {
  let points = 0;
  const start = text.charCodeAt(0) === MINUS ? 1 : 0;
  if (start === text.length) throw new NotDecimal();
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === POINT && points === 0) points++;
    else if (code < ZERO || code > ZERO + 9) throw new NotDecimal();
  }
}

/** Two's complement bytes of one number after another. */
export class UnscaledBytes {
  buffer = new Uint8Array(64);
  /** The bytes lie at the end of `buffer`, from here on. */
  start = 64;

  /** A view of the last number's bytes. */
  view(): Uint8Array {
    return this.buffer.subarray(this.start);
  }

  /** A whole number that is exact. */
  ofNumber(value: number): void {
    const { buffer } = this;
    let at = buffer.length;
    let rest = value;
    let low = 0;
    do {
      const next = Math.floor(rest / 256);
      low = rest - next * 256;
      buffer[--at] = low;
      rest = next;
    } while (!((rest === 0 && low < 128) || (rest === -1 && low >= 128)));
    this.start = at;
  }

  ofBigInt(value: bigint): void {
    const size = value < 0n ? ~value : value;
    const hex = size.toString(16);
    const bytes = Math.floor((hex.length * 4 - leadingZeroBits(hex)) / 8) + 1;
    if (bytes > this.buffer.length) this.buffer = new Uint8Array(bytes * 2);
    const { buffer } = this;
    const padded = hex.padStart(bytes * 2, "0");
    const flip = value < 0n ? 0xff : 0;
    const start = buffer.length - bytes;
    for (let i = 0; i < bytes; i++)
      buffer[start + i] = Number.parseInt(padded.slice(i * 2, i * 2 + 2), 16) ^ flip;
    this.start = start;
  }
}

function leadingZeroBits(hex: string): number {
  return Math.clz32(Number.parseInt(hex.charAt(0), 16)) - 28;
}

/** The decimal text of unscaled bytes: the inverse. */
export function decimalText(bytes: Uint8Array, scale: number): string {
  if (bytes.length === 0) return "0";
  const hex = Buffer.from(bytes).toString("hex");
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex}`));
  const digits = String(value < 0n ? -value : value);
  const sign = value < 0n ? "-" : "";
  if (scale <= 0) return `${sign}${digits === "0" ? digits : digits + "0".repeat(-scale)}`;
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}
