/** Value of a hexadecimal digit by its character code; 255 for what is none. */
const DIGITS = new Uint8Array(256).fill(255);
for (let value = 0; value < 16; value += 1) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

const BACKSLASH = 0x5c;
const X = 0x78;

/** Bytes of the value that `\x…` of this length writes. */
export function byteaBytes(textBytes: number): number {
  return (textBytes - 2) / 2;
}

/**
 * Reads `bytea` in hex form (`\x0a1b`) from `buffer[start..end)` into an array of its own; null where it is not
 * that. Hot for tables with binary columns.
 */
export function decodeBytea(buffer: Uint8Array, start: number, end: number): Uint8Array | null {
  const size = byteaBytes(end - start);
  if (size < 0 || !Number.isInteger(size)) return null;
  if (buffer[start] !== BACKSLASH || buffer[start + 1] !== X) return null;
  const bytes = new Uint8Array(size);
  let seen = 0;
  for (let index = 0, at = start + 2; index < size; index += 1, at += 2) {
    const high = DIGITS[buffer[at] ?? 0] ?? 255;
    const low = DIGITS[buffer[at + 1] ?? 0] ?? 255;
    seen |= high | low;
    bytes[index] = (high << 4) | low;
  }
  return seen > 15 ? null : bytes;
}
