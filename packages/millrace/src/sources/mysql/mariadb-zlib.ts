import { inflateSync } from "node:zlib";
import { ByteCursor, protocolError } from "./byte-cursor.ts";

/*
 * MariaDB's envelope around compressed statements and rows: a byte with the count of the length's bytes, the length of what
 * is in it, then zlib.
 */

/** How long what is in the envelope under the cursor is; the cursor is at the zlib stream then. */
export function inflatedLength(cursor: ByteCursor): number {
  const header = cursor.uint8();
  if ((header & 0xf0) !== 0x80) throw damagedZlib();
  let length = 0;
  for (let left = header & 0x07; left > 0; left -= 1) length = length * 256 + cursor.uint8();
  return length;
}

/** What is in an envelope, which is no longer than `most` bytes. @throws MillraceError MR_SOURCE_PROTOCOL */
export function inflateMariaDb(bytes: Buffer, most = Number.MAX_SAFE_INTEGER): Buffer {
  const cursor = new ByteCursor(bytes, 0, bytes.length);
  const length = inflatedLength(cursor);
  if (length > most) throw protocolError(`${length} bytes, compressed, where none are expected`);
  try {
    const options = { maxOutputLength: Math.max(1, length) };
    const inflated = inflateSync(cursor.bytes(cursor.left), options);
    if (inflated.length === length) return inflated;
  } catch {
    // Said below, without the bytes.
  }
  throw damagedZlib();
}

/** Says nothing of the bytes, which may be a row's. */
export function damagedZlib(): Error {
  return protocolError("compressed bytes that cannot be inflated");
}
