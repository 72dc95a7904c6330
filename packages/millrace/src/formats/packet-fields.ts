/* Hot: every row of a load from MySQL goes through this file twice. */

/** In the place of a length. */
export const NULL_VALUE = 0xfb;
const TWO_BYTES = 0xfc;

/** Bytes that the length of a value takes which begins with this byte. */
export function lengthBytes(first: number): number {
  // Longer lengths than of three bytes are of longer rows.
  return first < NULL_VALUE ? 1 : first === TWO_BYTES ? 3 : 4;
}

/** The length that stands there, of so many bytes with its first one. */
export function lengthAt(buffer: Uint8Array, at: number, bytes: number): number {
  if (bytes === 1) return buffer[at] ?? 0;
  const low = (buffer[at + 1] ?? 0) | ((buffer[at + 2] ?? 0) << 8);
  return bytes === 3 ? low : low | ((buffer[at + 3] ?? 0) << 16);
}

/**
 * Takes down where the values of a row of MySQL's text protocol lie in `buffer[start..end)`: where they begin (-1 where one is
 * NULL) and the byte behind their last. False where the row does not end with its last value; of a row of 2^24 bytes or more, too.
 */
export function splitPacket(
  buffer: Uint8Array,
  start: number,
  end: number,
  starts: Int32Array,
  stops: Int32Array,
): boolean {
  const { length } = starts;
  let at = start;
  for (let field = 0; field < length; field++) {
    const first = buffer[at] ?? NULL_VALUE;
    if (first === NULL_VALUE) {
      starts[field] = -1;
      at += 1;
      continue;
    }
    const head = lengthBytes(first);
    const bytes = lengthAt(buffer, at, head);
    at += head;
    starts[field] = at;
    at += bytes;
    stops[field] = at;
    if (at > end) return false;
  }
  return at === end;
}
