import type { MillraceError } from "../../errors/millrace-error.ts";
import { ByteCursor, protocolError } from "./byte-cursor.ts";
import { EVENT_HEADER_BYTES, type EventReader, Framing } from "./event-reader.ts";
import { INFLATED_BYTES, inflatedPieces, joined, passRest } from "./inflated-pieces.ts";

/** An event, wherever it lies; good until the next one is asked for. */
export interface LoggedEvent {
  readonly buffer: Buffer;
  readonly type: number;
  readonly timestampSeconds: number;
  readonly serverId: number;
  /** The whole event, bytes. */
  readonly eventBytes: number;
  /** As in its header; an event within another one has none. */
  readonly endsAt: number;
  /** As in its header. */
  readonly flags: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

const Field = { END: 0, COMPRESSION: 2 } as const;
const Compression = { ZSTD: 0, NONE: 255 } as const;
/** More than the fields before a payload take. */
const MOST_HEADER_BYTES = 64;
/** A larger event of a payload is not held, but given in pieces. */
export const MOST_INNER_BYTES = 1_048_576;

/** The body of the event under the reader in pieces of its own, read as they are asked for. */
export async function* bodyOf(reader: EventReader, framing: Framing): AsyncGenerator<Buffer> {
  if (framing === Framing.EVENT) {
    yield Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd));
    return;
  }
  while (reader.largeLeft > 0) {
    if (reader.piece()) yield Buffer.from(reader.buffer.subarray(reader.bodyStart, reader.bodyEnd));
    else if (reader.largeLeft > 0) await reader.fill();
  }
}

/** An event of a payload. */
export interface InnerEvent extends LoggedEvent {
  /** Of one that is too large to be held: its body, which is not in the buffer then. */
  readonly pieces: AsyncGenerator<Buffer> | null;
}

/**
 * The events of a compressed transaction (TRANSACTION_PAYLOAD), one after the other as they are asked for: no more of them
 * is inflated than the next event and what a stream holds (I10). They have no checksums and no place in the file.
 * @throws MillraceError MR_SOURCE_PROTOCOL
 */
export async function* payloadEvents(
  pieces: AsyncGenerator<Buffer>,
): AsyncGenerator<InnerEvent, void> {
  const { isCompressed, rest } = await readHeader(pieces);
  const all = joined(rest, pieces);
  const outputs = isCompressed ? inflatedPieces("zstd", all, damaged) : all;
  const framed = new InnerEvents(outputs);
  try {
    for (;;) {
      if (framed.next()) {
        yield framed;
        if (framed.pieces !== null) await passRest(framed.pieces);
        continue;
      }
      const output = await outputs.next();
      if (output.done === true) break;
      framed.append(output.value);
    }
  } finally {
    await outputs.return();
  }
  if (!framed.isEmpty) throw damaged();
}

/** The fields before the payload, and what of the first pieces is behind them. */
async function readHeader(
  pieces: AsyncGenerator<Buffer>,
): Promise<{ readonly isCompressed: boolean; readonly rest: Buffer }> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MOST_HEADER_BYTES) {
    const piece = await pieces.next();
    if (piece.done === true) break;
    head = Buffer.concat([head, piece.value]);
  }
  const cursor = new ByteCursor(head, 0, head.length);
  let compression: number = Compression.NONE;
  for (let field = cursor.lengthEncoded(); field !== Field.END; field = cursor.lengthEncoded()) {
    const value = cursor.part(cursor.lengthEncoded());
    if (field === Field.COMPRESSION) compression = value.lengthEncoded();
  }
  const isCompressed = compression === Compression.ZSTD;
  if (!isCompressed && compression !== Compression.NONE)
    throw protocolError("a compression that is not known");
  return { isCompressed, rest: head.subarray(cursor.at) };
}

/** Cuts inflated bytes into events; holds the one that is not whole yet. */
class InnerEvents implements InnerEvent {
  buffer: Buffer = Buffer.allocUnsafeSlow(2 * INFLATED_BYTES);
  type = 0;
  timestampSeconds = 0;
  serverId = 0;
  eventBytes = 0;
  readonly endsAt = 0;
  flags = 0;
  bodyStart = 0;
  bodyEnd = 0;
  pieces: AsyncGenerator<Buffer> | null = null;
  #start = 0;
  #end = 0;
  #outputs: AsyncGenerator<Buffer, void>;

  /** `outputs` is where its bytes come from. */
  constructor(outputs: AsyncGenerator<Buffer, void>) {
    this.#outputs = outputs;
  }

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  append(bytes: Buffer): void {
    const left = this.#end - this.#start;
    if (this.#end + bytes.length > this.buffer.length) {
      const fits = left + bytes.length <= this.buffer.length;
      const roomBytes = Math.max(2 * this.buffer.length, left + bytes.length);
      const to = fits ? this.buffer : Buffer.allocUnsafeSlow(roomBytes);
      this.buffer.copy(to, 0, this.#start, this.#end);
      this.buffer = to;
      this.#start = 0;
      this.#end = left;
    }
    bytes.copy(this.buffer, this.#end);
    this.#end += bytes.length;
  }

  /** Moves to the next event; false where it is not whole. */
  next(): boolean {
    const { buffer } = this;
    const at = this.#start;
    if (this.#end - at < EVENT_HEADER_BYTES) return false;
    const eventBytes = buffer.readUInt32LE(at + 9);
    if (eventBytes < EVENT_HEADER_BYTES) throw damaged();
    const isLarge = eventBytes > MOST_INNER_BYTES;
    if (!isLarge && this.#end - at < eventBytes) return false;
    this.timestampSeconds = buffer.readUInt32LE(at);
    this.type = buffer.readUInt8(at + 4);
    this.serverId = buffer.readUInt32LE(at + 5);
    this.eventBytes = eventBytes;
    this.flags = buffer.readUInt16LE(at + 17);
    this.bodyStart = at + EVENT_HEADER_BYTES;
    this.bodyEnd = at + eventBytes;
    this.#start = isLarge ? this.bodyStart : this.bodyEnd;
    this.pieces = isLarge ? this.#body(eventBytes - EVENT_HEADER_BYTES) : null;
    return true;
  }

  /** The next bytes of what comes. */
  async *#body(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0;) {
      if (this.isEmpty) {
        const output = await this.#outputs.next();
        if (output.done === true) throw damaged();
        this.append(output.value);
      }
      const end = Math.min(this.#start + left, this.#end);
      const piece = Buffer.from(this.buffer.subarray(this.#start, end));
      left -= piece.length;
      this.#start = end;
      yield piece;
    }
  }
}

function damaged(): MillraceError {
  return protocolError("a compressed transaction that cannot be read");
}
