/**
 * Cuts a byte stream of the PostgreSQL protocol into whole messages ("frames").
 * Hot path: runs for every byte in both directions and copies only what a
 * chunk border cuts in two.
 */

/** A message longer than the service takes; the connection is closed without a word (source T). */
export class FrameTooLong extends Error {
  readonly lengthBytes: number;
  constructor(lengthBytes: number) {
    super(`protocol message of ${lengthBytes} bytes`);
    this.name = "FrameTooLong";
    this.lengthBytes = lengthBytes;
  }
}

const HEADER_BYTES = 5;
const EMPTY = Buffer.alloc(0);

/** Collects chunks and gives whole frames: type byte, four bytes of length, body. */
export class FrameSplitter {
  readonly #maxBodyBytes: number;
  #head = EMPTY;
  #open: Buffer | undefined;
  #filledBytes = 0;

  /** `maxBodyBytes` bounds the length field of one message. */
  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Feeds one chunk; calls `onFrame` for each message that is now whole. Throws FrameTooLong. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let rest = this.#continueOpen(chunk, onFrame);
    if (this.#head.length > 0) {
      rest = Buffer.concat([this.#head, rest]);
      this.#head = EMPTY;
    }
    let at = 0;
    while (rest.length - at >= HEADER_BYTES) {
      const frameBytes = this.#frameBytes(rest, at);
      if (rest.length - at < frameBytes) {
        this.#openFrame(rest.subarray(at), frameBytes);
        return;
      }
      onFrame(rest.subarray(at, at + frameBytes));
      at += frameBytes;
    }
    if (at < rest.length) this.#head = Buffer.from(rest.subarray(at));
  }

  #frameBytes(buffer: Buffer, at: number): number {
    const bodyBytes = buffer.readInt32BE(at + 1);
    if (bodyBytes < 4 || bodyBytes > this.#maxBodyBytes) throw new FrameTooLong(bodyBytes);
    return bodyBytes + 1;
  }

  #openFrame(start: Buffer, frameBytes: number): void {
    this.#open = Buffer.allocUnsafeSlow(frameBytes);
    start.copy(this.#open);
    this.#filledBytes = start.length;
  }

  #continueOpen(chunk: Buffer, onFrame: (frame: Buffer) => void): Buffer {
    const open = this.#open;
    if (open === undefined) return chunk;
    const takenBytes = Math.min(open.length - this.#filledBytes, chunk.length);
    chunk.copy(open, this.#filledBytes, 0, takenBytes);
    this.#filledBytes += takenBytes;
    if (this.#filledBytes === open.length) {
      this.#open = undefined;
      onFrame(open);
    }
    return chunk.subarray(takenBytes);
  }
}
