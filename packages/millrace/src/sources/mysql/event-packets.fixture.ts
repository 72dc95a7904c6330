import { crc32 } from "node:zlib";

const FULL_PACKET_BYTES = 0xff_ff_ff;

/** An event of a binlog as bytes. */
export function eventBytes(
  type: number,
  body: Uint8Array,
  { checksum = true, endsAt = 0 }: { readonly checksum?: boolean; readonly endsAt?: number } = {},
): Buffer {
  const header = Buffer.alloc(19);
  const length = 19 + body.length + (checksum ? 4 : 0);
  header.writeUInt32LE(1_700_000_000, 0);
  header.writeUInt8(type, 4);
  header.writeUInt32LE(7, 5);
  header.writeUInt32LE(length, 9);
  header.writeUInt32LE(endsAt, 13);
  const event = Buffer.concat([header, body]);
  if (!checksum) return event;
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(event), 0);
  return Buffer.concat([event, sum]);
}

/** A message cut into packets as the server does, an empty one behind a full last one. */
export function packets(message: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; ; at += FULL_PACKET_BYTES) {
    const part = message.subarray(at, at + FULL_PACKET_BYTES);
    const header = Buffer.alloc(4);
    header.writeUIntLE(part.length, 0, 3);
    parts.push(header, part);
    if (part.length < FULL_PACKET_BYTES) return Buffer.concat(parts);
  }
}

/** The packets of an event in a dump. */
export function dumped(event: Uint8Array): Buffer {
  return packets(Buffer.concat([Buffer.of(0), event]));
}
