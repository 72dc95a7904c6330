/* Hot: every row of a load from MySQL goes through this file twice. */

const NULL_VALUE = 0xfb;
const TWO_BYTES = 0xfc;

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
    const first = buffer[at++] ?? NULL_VALUE;
    if (first === NULL_VALUE) {
      starts[field] = -1;
      continue;
    }
    let bytes = first;
    if (first > NULL_VALUE) {
      bytes = (buffer[at] ?? 0) | ((buffer[at + 1] ?? 0) << 8);
      at += 2;
      // Longer lengths are of longer rows.
      if (first > TWO_BYTES) bytes |= (buffer[at++] ?? 0) << 16;
    }
    starts[field] = at;
    at += bytes;
    stops[field] = at;
    if (at > end) return false;
  }
  return at === end;
}
