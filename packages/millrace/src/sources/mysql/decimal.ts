/*
 * Hot. A DECIMAL lies in groups of nine digits in four bytes each, big endian; what does not fill a group is at the outer
 * ends. The first bit is turned round, and all bits of a negative number are.
 */

const GROUP_DIGITS = 9;
const GROUP_BYTES = 4;
/** Bytes of a group with fewer digits. */
const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const ZEROS = "000000000";

/** Bytes of a DECIMAL(precision, scale). */
export function decimalBytes(precision: number, scale: number): number {
  return partBytes(precision - scale) + partBytes(scale);
}

function partBytes(digits: number): number {
  const groups = Math.floor(digits / GROUP_DIGITS);
  return groups * GROUP_BYTES + (BYTES_OF_DIGITS[digits - groups * GROUP_DIGITS] ?? 0);
}

/** The number's text, with all digits of its scale. The bytes are there: the caller has looked. */
export function decimalText(
  view: DataView,
  start: number,
  precision: number,
  scale: number,
): string {
  const mask = view.getUint8(start) < 0x80 ? -1 : 0;
  const wholeDigits = precision - scale;
  const sign = mask === 0 ? "" : "-";
  const whole = wholeText(view, start, wholeDigits, mask);
  if (scale === 0) return whole === "0" ? whole : sign + whole;
  const at = start + partBytes(wholeDigits);
  // Without digits before the point, the first bit is the fraction's.
  const fraction = fractionText(view, at, scale, mask, wholeDigits === 0);
  return `${sign}${whole}.${fraction}`;
}

/** Of no more digits a number is exact. */
export const DECIMAL_DIGITS = 15;

/** The same digits as one whole number, of {@link DECIMAL_DIGITS} at most; NaN where they are none. */
export function unscaledDecimal(
  view: DataView,
  start: number,
  precision: number,
  scale: number,
): number {
  const mask = view.getUint8(start) < 0x80 ? -1 : 0;
  const whole = precision - scale;
  const value = digitsFrom(view, start, 0, whole, whole % GROUP_DIGITS, mask, start);
  const at = start + partBytes(whole);
  const all = digitsFrom(view, at, value, scale, Math.min(scale, GROUP_DIGITS), mask, start);
  return mask === 0 ? all : 0 - all;
}

/** Puts so many digits behind those of `value`: `first` of them in the first group, if any, and what is left over in the last one. */
function digitsFrom(
  view: DataView,
  start: number,
  value: number,
  digits: number,
  first: number,
  mask: number,
  numberAt: number,
): number {
  let left = digits;
  let at = start;
  let all = value;
  while (left > 0) {
    const count = left === digits && first > 0 ? first : Math.min(left, GROUP_DIGITS);
    const bytes = BYTES_OF_DIGITS[count] ?? 0;
    const power = POWERS[count] ?? 1;
    const digitsOf = group(view, at, bytes, mask, at === numberAt);
    // Of bytes that are no decimal's.
    if (digitsOf >= power) return Number.NaN;
    all = all * power + digitsOf;
    at += bytes;
    left -= count;
  }
  return all;
}

/** Of ten, by digits of a group. */
const POWERS = Array.from({ length: GROUP_DIGITS + 1 }, (_, digits) => 10 ** digits);

function wholeText(view: DataView, start: number, digits: number, mask: number): string {
  let left = digits;
  let at = start;
  let text = "";
  while (left > 0) {
    const count = left % GROUP_DIGITS || GROUP_DIGITS;
    const bytes = BYTES_OF_DIGITS[count] ?? 0;
    const value = group(view, at, bytes, mask, at === start);
    at += bytes;
    left -= count;
    if (text !== "") text += padded(value, GROUP_DIGITS);
    else if (value !== 0) text = String(value);
  }
  return text === "" ? "0" : text;
}

function fractionText(
  view: DataView,
  start: number,
  digits: number,
  mask: number,
  isFirst: boolean,
): string {
  let at = start;
  let text = "";
  for (let left = digits; left > 0; left -= GROUP_DIGITS) {
    const count = Math.min(left, GROUP_DIGITS);
    const bytes = BYTES_OF_DIGITS[count] ?? 0;
    text += padded(group(view, at, bytes, mask, isFirst && at === start), count);
    at += bytes;
  }
  return text;
}

/** Texts of short fractions, by how many digits they have. */
const SHORT = [0, 1, 2, 3].map((digits) =>
  Array.from({ length: 10 ** digits }, (_, value) => String(value).padStart(digits, "0")),
);

function padded(value: number, digits: number): string {
  const short = SHORT[digits]?.[value];
  if (short !== undefined) return short;
  const text = String(value);
  return text.length >= digits ? text : ZEROS.slice(0, digits - text.length) + text;
}

function group(view: DataView, at: number, bytes: number, mask: number, isFirst: boolean): number {
  const flip = isFirst ? 0x80 : 0;
  switch (bytes) {
    case 1:
      return (view.getInt8(at) ^ ((flip << 24) >> 24) ^ mask) & 0xff;
    case 2:
      return (view.getInt16(at) ^ (flip << 8) ^ mask) & 0xffff;
    case 3:
      return (
        (((view.getInt8(at) << 16) | view.getUint16(at + 1)) ^ (flip << 16) ^ mask) & 0xff_ffff
      );
    default:
      return (view.getInt32(at) ^ (flip << 24) ^ mask) >>> 0;
  }
}
