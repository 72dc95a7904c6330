import { crc32 } from "node:zlib";
import { ByteWindow, WINDOW_BYTES } from "../../bytes/byte-window.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { parseServerError } from "./server-error.ts";

/** What {@link EventReader.advance} found. */
export const Framing = {
  /** No whole event is here: {@link EventReader.fill}, then ask again. */
  MORE: 0,
  /** An event; its body is `buffer[bodyStart..bodyEnd)` until the next `advance` or `fill`. */
  EVENT: 1,
  /** An event too large to be held; its header is read, its body is taken piecewise with {@link EventReader.piece}. */
  LARGE: 2,
  /** The server has no more to send and ended the dump. */
  END: 3,
} as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

const PACKET_HEADER_BYTES = 4;
/** A packet of this length is followed by another one of the same message. */
const FULL_PACKET_BYTES = 0xff_ff_ff;
/** Of an event, before its body. */
export const EVENT_HEADER_BYTES = 19;
export const CHECKSUM_BYTES = 4;
/** With the status byte; the first piece of a large event has the number of its table at least. */
const LARGE_START_BYTES = PACKET_HEADER_BYTES + 1 + EVENT_HEADER_BYTES + 16;

const OK = 0x00;
const ERROR = 0xff;
const EOF = 0xfe;

/**
 * Splits what the server sends during a dump into events, by ourselves and without copying. A dump has no other end than
 * {@link ByteWindow.destroy}.
 *
 * Hot: `advance` runs per event.
 */
export class EventReader extends ByteWindow {
  /** Of the event's header: see the binlog's format. */
  type = 0;
  timestampSeconds = 0;
  serverId = 0;
  /** The whole event, header and checksum included, bytes. */
  eventBytes = 0;
  /** Offset in the server's file where the event ends, modulo 2^32; 0 where it is in none. */
  endsAt = 0;
  flags = 0;
  bodyStart = 0;
  bodyEnd = 0;
  /**
   * Events end in their CRC32. Each file's format event tells; the events before the first of these are looked at, null.
   */
  hasChecksums: boolean | null = null;
  /** Of a LARGE event: bytes of it that are still to come (checksum included), and of its packet. */
  #largeLeft = 0;
  #packetLeft = 0;
  #packetIsFull = false;
  #emptyFollows = false;
  /** CRC32 of what was taken of the event, and what its end says. */
  #sum = 0;
  #stored = 0;
  #storedBytes = 0;
  /** Waits for the answer to a command that has no result, and passes it. @throws ServerError, MillraceError */
  async passOk(): Promise<void> {
    for (;;) {
      const at = this.at;
      const hasHeader = this.until - at > PACKET_HEADER_BYTES;
      const next = hasHeader ? at + PACKET_HEADER_BYTES + this.buffer.readUIntLE(at, 3) : Infinity;
      if (next <= this.until) {
        const status = this.buffer[at + PACKET_HEADER_BYTES];
        if (status !== OK) this.#control(status, at + PACKET_HEADER_BYTES, next);
        this.at = next;
        return;
      }
      await this.fill();
    }
  }

  /** Moves to the next event. @throws MillraceError of the server's own error, or MR_SOURCE_PROTOCOL. */
  advance(): Framing {
    const buffer = this.buffer;
    if (this.#emptyFollows && !this.#skipEmpty()) return Framing.MORE;
    const at = this.at;
    if (this.until - at <= PACKET_HEADER_BYTES) return Framing.MORE;
    const length = buffer.readUIntLE(at, 3);
    const next = at + PACKET_HEADER_BYTES + length;
    const isLarge = length >= WINDOW_BYTES - PACKET_HEADER_BYTES;
    if (!isLarge && next > this.until) return Framing.MORE;
    const status = buffer[at + PACKET_HEADER_BYTES];
    if (status !== OK) return this.#control(status, at + PACKET_HEADER_BYTES, next);
    if (isLarge) return this.#beginLarge(length);
    this.at = next;
    this.#readHeader(at + PACKET_HEADER_BYTES + 1, next);
    this.#checkWhole(at + PACKET_HEADER_BYTES + 1, next);
    return Framing.EVENT;
  }

  /**
   * The next piece of a LARGE event's body in `buffer[bodyStart..bodyEnd)`; false when more must be filled in first, or
   * when the event was taken whole ({@link largeLeft} is 0): not before that is its checksum known to be right.
   * @throws MillraceError MR_SOURCE_PROTOCOL
   */
  piece(): boolean {
    while (this.#largeLeft > 0 && this.#openPacket()) {
      const here = Math.min(this.#packetLeft, this.until - this.at);
      if (here === 0) return false;
      const body = Math.min(here, this.#largeLeft - this.checksumBytes);
      if (body > 0) {
        this.bodyStart = this.at;
        this.bodyEnd = this.at + body;
        this.#pass(body);
        return true;
      }
      this.#passChecksum(here);
    }
    return false;
  }

  /** Bytes of the LARGE event that have not been taken yet. */
  get largeLeft(): number {
    return this.#largeLeft;
  }

  /** Bytes of the checksum behind each event. */
  get checksumBytes(): number {
    return this.hasChecksums === true ? CHECKSUM_BYTES : 0;
  }

  #skipEmpty(): boolean {
    if (this.until - this.at < PACKET_HEADER_BYTES) return false;
    if (this.buffer.readUIntLE(this.at, 3) !== 0)
      throw new MillraceError("MR_SOURCE_PROTOCOL", "an event that is longer than it says");
    this.at += PACKET_HEADER_BYTES;
    this.#emptyFollows = false;
    return true;
  }

  /** Everything that is no event: the server's refusal, or its end. */
  #control(status: number | undefined, start: number, end: number): Framing {
    if (status === undefined || end > this.until) return Framing.MORE;
    if (status === ERROR) throw parseServerError(this.buffer, start, end);
    if (status === EOF) return Framing.END;
    throw new MillraceError("MR_SOURCE_PROTOCOL", `a packet of type ${status} between events`);
  }

  #readHeader(start: number, end: number): void {
    const buffer = this.buffer;
    if (end - start < EVENT_HEADER_BYTES + this.checksumBytes)
      throw new MillraceError("MR_SOURCE_PROTOCOL", `an event of ${end - start} bytes`);
    this.timestampSeconds = buffer.readUInt32LE(start);
    this.type = buffer.readUInt8(start + 4);
    this.serverId = buffer.readUInt32LE(start + 5);
    this.eventBytes = buffer.readUInt32LE(start + 9);
    this.endsAt = buffer.readUInt32LE(start + 13);
    this.flags = buffer.readUInt16LE(start + 17);
    this.bodyStart = start + EVENT_HEADER_BYTES;
    this.bodyEnd = end - this.checksumBytes;
  }

  #checkWhole(start: number, end: number): void {
    if (this.eventBytes !== end - start)
      throw new MillraceError("MR_SOURCE_PROTOCOL", "an event of another length than it says");
    if (this.hasChecksums === true && !this.#fits(start, this.bodyEnd)) throw damaged(this.type);
    const before = end - CHECKSUM_BYTES;
    if (this.hasChecksums === null && this.#fits(start, before)) this.bodyEnd = before;
  }

  #fits(start: number, end: number): boolean {
    return end > start && crc32(this.buffer.subarray(start, end)) === this.buffer.readUInt32LE(end);
  }

  #beginLarge(length: number): Framing {
    if (this.until - this.at < LARGE_START_BYTES) return Framing.MORE;
    const start = this.at + PACKET_HEADER_BYTES + 1;
    this.#readHeader(start, start + length - 1);
    const isCut = length === FULL_PACKET_BYTES;
    if (isCut ? this.eventBytes < length - 1 : this.eventBytes !== length - 1)
      throw new MillraceError("MR_SOURCE_PROTOCOL", "an event of another length than it says");
    this.at = start;
    this.#packetLeft = length - 1;
    this.#packetIsFull = isCut;
    this.#largeLeft = this.eventBytes;
    this.#sum = 0;
    this.#stored = 0;
    this.#storedBytes = 0;
    this.#pass(EVENT_HEADER_BYTES);
    return Framing.LARGE;
  }

  /** False when the header of the event's next packet is not here yet. */
  #openPacket(): boolean {
    if (this.#packetLeft > 0) return true;
    if (!this.#packetIsFull)
      throw new MillraceError("MR_SOURCE_PROTOCOL", "an event that ends before its length");
    if (this.until - this.at < PACKET_HEADER_BYTES) return false;
    const length = this.buffer.readUIntLE(this.at, 3);
    this.at += PACKET_HEADER_BYTES;
    this.#packetLeft = length;
    this.#packetIsFull = length === FULL_PACKET_BYTES;
    return true;
  }

  #pass(bytes: number): void {
    const end = this.at + bytes;
    if (this.hasChecksums === true)
      this.#sum = crc32(this.buffer.subarray(this.at, end), this.#sum);
    this.at = end;
    this.#packetLeft -= bytes;
    this.#largeLeft -= bytes;
    this.#endLarge();
  }

  /** The checksum may be cut by the end of a packet, or of what is here. */
  #passChecksum(bytes: number): void {
    for (let left = bytes; left > 0 && this.#largeLeft > 0; left -= 1) {
      this.#stored += (this.buffer[this.at] ?? 0) * 2 ** (8 * this.#storedBytes);
      this.#storedBytes += 1;
      this.at += 1;
      this.#packetLeft -= 1;
      this.#largeLeft -= 1;
    }
    this.#endLarge();
  }

  #endLarge(): void {
    if (this.#largeLeft > 0) return;
    if (this.#packetLeft > 0)
      throw new MillraceError("MR_SOURCE_PROTOCOL", "an event that is shorter than its packets");
    // A message that fills its last packet is followed by an empty one.
    this.#emptyFollows = this.#packetIsFull;
    if (this.hasChecksums === true && this.#sum !== this.#stored) throw damaged(this.type);
  }
}

/** Says nothing of its bytes, which may be a row's. */
function damaged(type: number): MillraceError {
  return new MillraceError(
    "MR_SOURCE_PROTOCOL",
    `an event (type ${type}) whose checksum does not fit its bytes`,
  );
}
