import "../../bytes/buffer-slices.ts";
import { ByteWindow, WINDOW_BYTES } from "../../bytes/byte-window.ts";
import { protocolError } from "./byte-cursor.ts";
import { parseServerError } from "./server-error.ts";
import { isAscii, TextWindow } from "./text-window.ts";

/** What {@link AnswerReader.advance} found. */
export const Answered = {
  /** No whole packet is here: {@link AnswerReader.fill}, then ask again. */
  MORE: 0,
  /** A row; good until the next `advance` or `fill`. */
  ROW: 1,
  /** All rows have come. The session waits for its next statement. */
  END: 2,
} as const;
export type Answered = (typeof Answered)[keyof typeof Answered];

/** The row under a reader, column by column of the statement. */
export interface AnsweredRow {
  /** What it took on the wire, bytes. */
  readonly rowBytes: number;
  /** The server's text; null where it is NULL. */
  text(column: number): string | null;
  /** A whole number that is exact, else its text. */
  integer(column: number): number | string | null;
  isNull(column: number): boolean;
  /** Copies its bytes, as they came, to there. */
  copy(to: Buffer, at: number): void;
}

const PACKET_HEADER_BYTES = 4;
/** A packet of this length is followed by another one of the same row. */
const FULL_PACKET_BYTES = 0xff_ff_ff;
const COMMAND_QUERY = 3;
const ERROR = 0xff;
const EOF = 0xfe;
/** No row that begins like an end of rows is as short as one. */
const MOST_EOF_BYTES = 9;
const NULL_VALUE = 0xfb;
/** As many digits are exact in any case. */
const EXACT_DIGITS = 15;

/**
 * The answer to a SELECT in the text protocol, read by ourselves and without an object per value: of a row the places of its
 * values are taken down, and what is asked for is made.
 *
 * Hot: `advance` runs per row, `text` and `integer` per value.
 */
export class AnswerReader extends ByteWindow implements AnsweredRow {
  rowBytes = 0;
  /** Packets that describe the columns, and the end of these; null before their number has come. */
  #describing: number | null = null;
  #width = 0;
  /** Where the values of the row lie in its bytes; -1 where they are NULL. */
  #starts = new Int32Array(0);
  #stops = new Int32Array(0);
  /** Of the packet under the reader. */
  #bytes: Buffer = this.buffer;
  #view: DataView = viewOf(this.buffer);
  #start = 0;
  #stop = 0;
  #large: LargePacket | null = null;
  readonly #texts = new TextWindow();

  /** The command that a SELECT is sent as. */
  static command(sql: string): Buffer {
    const bytes = Buffer.byteLength(sql);
    if (bytes + 1 >= FULL_PACKET_BYTES) throw protocolError(`a statement of ${bytes} bytes`);
    const packet = Buffer.allocUnsafe(PACKET_HEADER_BYTES + 1 + bytes);
    packet.writeUInt32LE(bytes + 1);
    packet[PACKET_HEADER_BYTES] = COMMAND_QUERY;
    packet.write(sql, PACKET_HEADER_BYTES + 1);
    return packet;
  }

  /** Waits for more of the answer. @throws MillraceError MR_SOURCE_LOST_CONNECTION */
  override async fill(): Promise<void> {
    await super.fill();
    // The bytes lie elsewhere now.
    if (this.#bytes === this.buffer) this.#texts.begin(this.buffer, this.until);
  }

  /** Moves to the next row. @throws ServerError, MillraceError MR_SOURCE_PROTOCOL */
  advance(): Answered {
    while (this.#next()) {
      const first = this.#bytes[this.#start];
      if (first === ERROR) throw parseServerError(this.#bytes, this.#start, this.#stop);
      if (this.#describing !== 0) {
        this.#describe();
      } else if (first === EOF && this.#stop - this.#start < MOST_EOF_BYTES) {
        return Answered.END;
      } else {
        this.#split();
        return Answered.ROW;
      }
    }
    return Answered.MORE;
  }

  text(column: number): string | null {
    const start = this.#starts[column] ?? -1;
    if (start === -1) return null;
    const stop = this.#stops[column] ?? 0;
    return isAscii(this.#view, start, stop)
      ? this.#texts.latin1(start, stop)
      : this.#bytes.utf8Slice(start, stop);
  }

  integer(column: number): number | string | null {
    const start = this.#starts[column] ?? -1;
    if (start === -1) return null;
    const stop = this.#stops[column] ?? 0;
    const bytes = this.#bytes;
    const isNegative = bytes[start] === 0x2d;
    let at = isNegative ? start + 1 : start;
    if (stop - at > EXACT_DIGITS) return this.text(column);
    let value = 0;
    for (; at < stop; at += 1) value = value * 10 + (bytes[at] ?? 0x30) - 0x30;
    return isNegative ? -value : value;
  }

  isNull(column: number): boolean {
    return this.#starts[column] === -1;
  }

  copy(to: Buffer, at: number): void {
    this.#bytes.copy(to, at, this.#start, this.#stop);
  }

  /** Hands the session back to who asks the next statement. */
  handBack(): void {
    this.source.handBack();
  }

  /** How many columns there are, then one packet for each, then their end. */
  #describe(): void {
    if (this.#describing !== null) {
      this.#describing -= 1;
      return;
    }
    this.#width = this.#lengthAt(this.#start);
    if (this.#width === 0) throw protocolError("an answer without rows");
    this.#starts = new Int32Array(this.#width);
    this.#stops = new Int32Array(this.#width);
    this.#describing = this.#width + 1;
  }

  /** Moves to the next packet; false where it is not whole yet. */
  #next(): boolean {
    if (this.#large !== null) return this.#nextLarge(this.#large);
    const { buffer, at } = this;
    if (this.until - at < PACKET_HEADER_BYTES) return false;
    const length = lengthOf(buffer, at);
    const end = at + PACKET_HEADER_BYTES + length;
    if (length >= WINDOW_BYTES - PACKET_HEADER_BYTES) {
      this.#large = new LargePacket();
      return this.#nextLarge(this.#large);
    }
    if (end > this.until) return false;
    this.at = end;
    if (this.#bytes !== buffer) this.#readFrom(buffer, this.until);
    this.#start = at + PACKET_HEADER_BYTES;
    this.#stop = end;
    return true;
  }

  #nextLarge(large: LargePacket): boolean {
    this.at = large.take(this.buffer, this.at, this.until);
    const whole = large.whole();
    if (whole === null) return false;
    this.#large = null;
    this.#readFrom(whole, whole.length);
    this.#start = 0;
    this.#stop = whole.length;
    return true;
  }

  #readFrom(bytes: Buffer, until: number): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#texts.begin(bytes, until);
  }

  /** Takes down where the values of a row lie. */
  #split(): void {
    const { length } = this.#starts;
    this.rowBytes = this.#stop - this.#start;
    let at = this.#start;
    for (let column = 0; column < length; column += 1) {
      const first = this.#bytes[at] ?? 0;
      if (first === NULL_VALUE) {
        this.#starts[column] = -1;
        at += 1;
        continue;
      }
      const bytes = first < NULL_VALUE ? first : this.#lengthAt(at);
      at += lengthBytes(first);
      this.#starts[column] = at;
      at += bytes;
      this.#stops[column] = at;
      if (at > this.#stop) throw protocolError("a row that ends too early");
    }
    if (at !== this.#stop) throw protocolError("a row of another length");
  }

  /** A length-encoded number. */
  #lengthAt(at: number): number {
    const first = this.#bytes[at] ?? 0;
    if (first < NULL_VALUE) return first;
    const size = lengthBytes(first) - 1;
    if (first === NULL_VALUE || at + 1 + size > this.#stop)
      throw protocolError("a length that is none");
    // Nothing is as long as what six bytes count.
    return this.#bytes.readUIntLE(at + 1, Math.min(size, 6));
  }
}

/** A row that is larger than what is held of a connection, gathered from its packets. */
class LargePacket {
  readonly #parts: Buffer[] = [];
  #part: Buffer = Buffer.alloc(0);
  #filled = 0;
  #isLast = false;

  /** Takes what is here of it, and gives where that ends. */
  take(buffer: Buffer, start: number, until: number): number {
    let at = start;
    for (;;) {
      const bytes = Math.min(until - at, this.#part.length - this.#filled);
      buffer.copy(this.#part, this.#filled, at, at + bytes);
      this.#filled += bytes;
      at += bytes;
      const isDone = this.#filled === this.#part.length && this.#isLast;
      if (isDone || this.#filled < this.#part.length) return at;
      if (until - at < PACKET_HEADER_BYTES) return at;
      const length = lengthOf(buffer, at);
      at += PACKET_HEADER_BYTES;
      this.#part = Buffer.allocUnsafeSlow(length);
      this.#filled = 0;
      this.#parts.push(this.#part);
      this.#isLast = length < FULL_PACKET_BYTES;
    }
  }

  /** All of it; null before that has come. */
  whole(): Buffer | null {
    if (!this.#isLast || this.#filled < this.#part.length) return null;
    return this.#parts.length === 1 ? this.#part : Buffer.concat(this.#parts);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Of the packet whose header begins there. */
function lengthOf(buffer: Buffer, at: number): number {
  return buffer.readUInt16LE(at) + (buffer[at + 2] ?? 0) * 65_536;
}

/** What a length-encoded number takes that begins with this byte. */
function lengthBytes(first: number): number {
  if (first < NULL_VALUE) return 1;
  if (first === 0xfc) return 3;
  return first === 0xfd ? 4 : 9;
}
