/** Reads the packets before a connection's first ordinary message. */
import type { Duplex } from "node:stream";
import { violation } from "../rules/table.ts";
import { readCString, Type } from "../wire/messages.ts";
import { takeOpening, type Opening } from "../wire/startup.ts";

const MAX_PASSWORD_BYTES = 64 * 1024;

/** Follows a stream until it is released. */
export class OpeningReader {
  /** What came and was not yet taken. */
  left: Buffer = Buffer.alloc(0);
  #stream: Duplex;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #onData = (chunk: Buffer): void => {
    this.left = Buffer.concat([this.left, chunk]);
    this.#wake?.();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake?.();
  };

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.follow(stream);
  }

  /** Goes on with another stream, after TLS. */
  follow(stream: Duplex): void {
    this.#stream = stream;
    stream.on("data", this.#onData);
    stream.on("end", this.#onEnd);
    stream.on("close", this.#onEnd);
  }

  /** Whether the client has closed its half. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Stops reading; the stream is paused. */
  release(): void {
    this.#stream.pause();
    this.#stream.off("data", this.#onData);
    this.#stream.off("end", this.#onEnd);
    this.#stream.off("close", this.#onEnd);
  }

  /** The next opening packet; undefined when the client left. */
  async next(): Promise<Opening | undefined> {
    for (;;) {
      const taken = takeOpening(this.left);
      if (taken !== undefined) {
        this.left = this.left.subarray(taken.usedBytes);
        return taken.opening;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  /** The password message; undefined when the client left. Throws 08P01. */
  async password(): Promise<string | undefined> {
    for (;;) {
      if (this.left.length >= 5) {
        const bodyBytes = this.left.readInt32BE(1);
        if (this.left[0] !== Type.password || bodyBytes < 5 || bodyBytes > MAX_PASSWORD_BYTES) {
          throw violation("protocol", { reason: "expected password response" });
        }
        if (this.left.length > bodyBytes) {
          const message = this.left.subarray(0, bodyBytes + 1);
          this.left = this.left.subarray(bodyBytes + 1);
          return readCString(message, 5)[0];
        }
      }
      if (!(await this.#more())) return undefined;
    }
  }

  async #more(): Promise<boolean> {
    if (this.#ended || this.left.length > MAX_PASSWORD_BYTES) return false;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    return !this.#ended || this.left.length > 0;
  }
}
