import { inflateRawSync, inflateSync } from "node:zlib";
import { protocolError } from "./byte-cursor.ts";

/** How a value of a COMPRESSED column of MariaDB is kept, from its first byte. */
const STORED = 0;
const METHOD_ZLIB = 8;
const RAW_DEFLATE = 0x08;
const LENGTH_MASK = 0x07;

/** Bytes of the value itself. @throws MillraceError MR_SOURCE_PROTOCOL */
export function inflatedBytes(buffer: Buffer, start: number, end: number): number {
  if (start === end) return 0;
  const header = buffer.readUInt8(start);
  if (header === STORED) return end - start - 1;
  const count = header & LENGTH_MASK;
  if (header >> 4 !== METHOD_ZLIB || count === 0 || count > 4 || start + 1 + count > end)
    throw protocolError("a compressed value of an unknown kind");
  return buffer.readUIntBE(start + 1, count);
}

/** The value itself. @throws MillraceError MR_SOURCE_PROTOCOL */
export function inflateValue(buffer: Buffer, start: number, end: number): Buffer {
  const bytes = inflatedBytes(buffer, start, end);
  if (bytes === 0) return Buffer.alloc(0);
  const header = buffer.readUInt8(start);
  if (header === STORED) return buffer.subarray(start + 1, end);
  const packed = buffer.subarray(start + 1 + (header & LENGTH_MASK), end);
  const inflate = (header & RAW_DEFLATE) === 0 ? inflateSync : inflateRawSync;
  try {
    const value = inflate(packed, { maxOutputLength: bytes });
    if (value.length === bytes) return value;
  } catch {
    // Said below, without the bytes.
  }
  throw protocolError("a compressed value that cannot be inflated");
}
