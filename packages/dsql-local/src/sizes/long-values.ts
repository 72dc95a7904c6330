/** Finds whether a Bind carries a value longer than some bound, without reading it all. */

/** The longest parameter or array element worth looking at; see `hasLongValue`. */
const COMMA = 0x2c;
const BRACE = 0x7b;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Calls `see` for each parameter of a Bind (behind its two names); `binary` as its format says. */
export function eachParameter(rest: Buffer, see: (value: Buffer, binary: boolean) => void): void {
  const formatCount = rest.readUInt16BE(0);
  const formatAt = (index: number): boolean => {
    if (formatCount === 0) return false;
    return rest.readUInt16BE(2 + 2 * (formatCount === 1 ? 0 : index)) === 1;
  };
  let at = 2 + 2 * formatCount;
  const count = rest.readUInt16BE(at);
  at += 2;
  for (let index = 0; index < count; index++) {
    const lengthBytes = rest.readInt32BE(at);
    at += 4;
    if (lengthBytes <= 0) continue;
    see(rest.subarray(at, at + lengthBytes), formatAt(index));
    at += lengthBytes;
  }
}

/**
 * Whether a parameter, or an element of an array parameter, may be longer than `boundBytes`.
 * Never misses one whose array has no quoted commas, unless `exact`: then it never misses one.
 */
export function hasLongValue(rest: Buffer, boundBytes: number, exact: boolean): boolean {
  let found = false;
  if (rest.length <= boundBytes) return false;
  eachParameter(rest, (value, binary) => {
    if (found || value.length <= boundBytes) return;
    if (binary || value[0] !== BRACE) found = true;
    else found = exact ? hasLongElement(value, boundBytes) : skipsThrough(value, boundBytes);
  });
  return found;
}

/** Hops from comma to comma, as far as the bound allows: a few looks for a whole array. */
function skipsThrough(array: Buffer, boundBytes: number): boolean {
  let at = 0;
  while (array.length - at > boundBytes) {
    const comma = array.lastIndexOf(COMMA, at + boundBytes);
    if (comma < at) return true;
    at = comma + 1;
  }
  return false;
}

function hasLongElement(array: Buffer, boundBytes: number): boolean {
  let start = 1;
  let quoted = false;
  for (let at = 1; at < array.length; at++) {
    const byte = array[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE) quoted = !quoted;
    else if (byte === COMMA && !quoted) {
      if (at - start > boundBytes) return true;
      start = at + 1;
    }
  }
  return array.length - start > boundBytes;
}
