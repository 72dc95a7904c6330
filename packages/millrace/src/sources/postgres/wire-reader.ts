import { MillraceError } from "../../errors/millrace-error.ts";
import { ByteWindow, WINDOW_BYTES } from "../../bytes/byte-window.ts";
import { parseServerError, type ServerError } from "./server-error.ts";

/** What {@link WireReader.advance} found. */
export const Framing = {
  /** No whole message is here: {@link WireReader.fill}, then ask again. */
  MORE: 0,
  /** A CopyData message; its body is `buffer[bodyStart..bodyEnd)` until the next `advance` or `fill`. */
  DATA: 1,
  /**
   * A CopyData message too large to be held; take it piecewise with {@link WireReader.piece}. The first piece is here
   * already and has at least 64 bytes.
   */
  LARGE: 2,
  /** COPY is over and the session is idle again, or the server ended replication. */
  DONE: 3,
} as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

const HEADER_BYTES = 5;
/** The first piece of a large message has at least this much: enough to see whose row it is. */
const LARGE_START_BYTES = 64;

const COPY_DATA = 0x64; // d
const COPY_DONE = 0x63; // c
const COMMAND_COMPLETE = 0x43; // C
const READY = 0x5a; // Z
const ERROR = 0x45; // E
const TERMINATE = 0x58; // X
const NOTICE = 0x4e; // N
const COPY_BOTH = 0x57; // W
const COPY_OUT = 0x48; // H

/**
 * Splits what the server sends during COPY OUT or replication into messages, by ourselves and without copying.
 *
 * Hot: `advance` runs per row.
 */
export class WireReader extends ByteWindow {
  bodyStart = 0;
  bodyEnd = 0;
  /** Bytes of the message that `advance` called LARGE, body only. */
  largeBytes = 0;
  #largeLeft = 0;
  #replicating = false;
  #begun = false;
  /** Is told of the server's notices and warnings. */
  onNotice: ((notice: ServerError) => void) | null = null;
  /** Waits until the server has agreed to the query. @throws ServerError, MillraceError */
  async begun(): Promise<void> {
    while (!this.#begun) {
      const at = this.at;
      if (this.until - at < HEADER_BYTES) await this.fill();
      else if (!this.#control(this.buffer[at], this.buffer.readInt32BE(at + 1))) await this.fill();
    }
  }

  /** Moves to the next message. @throws ServerError for an ErrorResponse, MillraceError MR_SOURCE_PROTOCOL. */
  advance(): Framing {
    const buffer = this.buffer;
    for (;;) {
      const at = this.at;
      if (this.until - at < HEADER_BYTES) return Framing.MORE;
      const type = buffer[at];
      const length = buffer.readInt32BE(at + 1);
      if (type !== COPY_DATA) {
        if (!this.#control(type, length)) return Framing.MORE;
        if (this.#isDone(type)) return Framing.DONE;
        continue;
      }
      const next = at + 1 + length;
      if (next <= this.until && length >= 4) {
        this.bodyStart = at + HEADER_BYTES;
        this.bodyEnd = next;
        this.at = next;
        return Framing.DATA;
      }
      return this.#beginIncomplete(length);
    }
  }

  /**
   * The next piece of a LARGE message in `buffer[bodyStart..bodyEnd)`; false when more must be filled in first, or
   * when the message has been given whole ({@link largeLeft} is 0).
   */
  piece(): boolean {
    const bytes = Math.min(this.#largeLeft, this.until - this.at);
    if (bytes === 0) return false;
    this.bodyStart = this.at;
    this.bodyEnd = this.at + bytes;
    this.at += bytes;
    this.#largeLeft -= bytes;
    return true;
  }

  /** Bytes of the LARGE message that have not been given yet. */
  get largeLeft(): number {
    return this.#largeLeft;
  }

  /** Sends a simple query, such as START_REPLICATION or COPY … TO STDOUT. */
  sendQuery(sql: string): void {
    const body = Buffer.from(`${sql}\0`, "utf8");
    const message = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    message.write("Q", 0, "latin1");
    message.writeInt32BE(4 + body.length, 1);
    body.copy(message, HEADER_BYTES);
    this.source.write(message);
  }

  /** Sends one CopyData message; for status updates. */
  sendCopyData(body: Uint8Array): void {
    const message = Buffer.allocUnsafe(HEADER_BYTES + body.length);
    message[0] = COPY_DATA;
    message.writeInt32BE(4 + body.length, 1);
    message.set(body, HEADER_BYTES);
    this.source.write(message);
  }

  /** Tells the server that we have read enough. */
  sendCopyDone(): void {
    this.source.write(Uint8Array.of(COPY_DONE, 0, 0, 0, 4));
  }

  /** After DONE of a COPY: `pg` has the connection again. */
  handBack(): void {
    this.source.handBack();
  }

  /** Ends the connection in good order; see {@link ByteSource.end}. */
  end(): Promise<void> {
    this.source.write(Uint8Array.of(TERMINATE, 0, 0, 0, 4));
    return this.source.end();
  }

  #beginIncomplete(length: number): Framing {
    if (length < 4) throw new MillraceError("MR_SOURCE_PROTOCOL", `a message of ${length} bytes`);
    if (length < WINDOW_BYTES) return Framing.MORE;
    if (this.until - this.at < HEADER_BYTES + LARGE_START_BYTES) return Framing.MORE;
    this.at += HEADER_BYTES;
    this.largeBytes = length - 4;
    this.#largeLeft = this.largeBytes;
    return Framing.LARGE;
  }

  /** Reads past a message that is not data; false when it is not here yet. */
  #control(type: number | undefined, length: number): boolean {
    if (length < 4 || length >= WINDOW_BYTES) {
      throw new MillraceError("MR_SOURCE_PROTOCOL", `message type ${type} of ${length} bytes`);
    }
    const next = this.at + 1 + length;
    if (next > this.until) return false;
    if (type === ERROR) {
      const error = parseServerError(this.buffer, this.at + HEADER_BYTES, next);
      this.at = next;
      throw error;
    }
    if (type === NOTICE) {
      this.onNotice?.(parseServerError(this.buffer, this.at + HEADER_BYTES, next));
    }
    if (type === COPY_BOTH) this.#replicating = true;
    if (type === COPY_BOTH || type === COPY_OUT) this.#begun = true;
    this.at = next;
    return true;
  }

  #isDone(type: number | undefined): boolean {
    if (type === READY) return true;
    return this.#replicating && (type === COPY_DONE || type === COMMAND_COMPLETE);
  }
}
