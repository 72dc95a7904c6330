import type { Duplex } from "node:stream";
import { MillraceError } from "../errors/millrace-error.ts";

/**
 * The bytes of a connection, pulled: nothing is read from the kernel outside of {@link ByteSource.read}, so that the
 * server feels a slow consumer (I10).
 *
 * PostgreSQL's walsender sends each row on its own. A reader that wakes for each costs more CPU than all of the
 * decoding and slows the server to half, so both implementations coalesce reads.
 */
export interface ByteSource {
  /**
   * Reads at least one byte into `region` from offset `at` on and says how many. One read at a time.
   * @throws MillraceError MR_SOURCE_LOST_CONNECTION
   */
  read(region: Buffer, at: number): Promise<number>;
  /** Sends bytes at any time; what the kernel does not take at once is kept by the stream. */
  write(bytes: Uint8Array): void;
  /** Ends a pending read with this error; later reads fail with it too. The first failure stays. */
  fail(error: Error): void;
  /** Gives the stream back to its `data` listeners. No read may be pending. */
  handBack(): void;
  /**
   * Ends the connection in good order: what was written is sent, what still comes is let go. Resolves once it is
   * closed. After {@link fail}.
   */
  end(): Promise<void>;
  /** Cuts the connection. */
  destroy(): void;
}

/** A read that waits for bytes, and the failure that ends all reads. */
export class PendingRead {
  #waiting: { resolve: (bytes: number) => void; reject: (error: Error) => void } | null = null;
  #failure: Error | null = null;

  get failure(): Error | null {
    return this.#failure;
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  wait(): Promise<number> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#waiting !== null) throw new MillraceError("MR_BUG", "two reads of one connection");
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  deliver(bytes: number): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(bytes);
  }

  fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }
}

/** Half-closes a stream, reads past what still comes, and resolves when it is closed. */
export function endStream(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve();
    stream.once("close", resolve);
    stream.resume();
    stream.end();
  });
}

/** The connection ended, or broke with `cause`. */
export function lostConnection(why: string, cause?: Error): MillraceError {
  return new MillraceError("MR_SOURCE_LOST_CONNECTION", why, cause === undefined ? {} : { cause });
}
