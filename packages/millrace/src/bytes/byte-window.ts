import type { ByteSource } from "./byte-source.ts";

/** What is no longer than this is held whole; also the most that one read brings. */
export const WINDOW_BYTES = 262_144;

/**
 * What is here of the bytes of a connection: those from `at` to `until` of `buffer`. A buffer of two windows is all that
 * a connection ever holds (I10). Reads land in its upper half; what a read leaves unfinished is moved to just before it.
 *
 * Readers of messages extend it, so that the fields that they go by per message are their own.
 */
export class ByteWindow {
  readonly buffer: Buffer<ArrayBuffer>;
  protected at: number = WINDOW_BYTES;
  protected until: number = WINDOW_BYTES;
  protected readonly source: ByteSource;
  #reads = 0;
  #isWaiting = false;

  /** `buffer`: of a reader of the same connection that has ended. */
  constructor(source: ByteSource, buffer = Buffer.allocUnsafeSlow(2 * WINDOW_BYTES)) {
    this.source = source;
    this.buffer = buffer;
  }

  /** Waits for more bytes. @throws MillraceError MR_SOURCE_LOST_CONNECTION */
  async fill(): Promise<void> {
    const left = this.until - this.at;
    this.buffer.copyWithin(WINDOW_BYTES - left, this.at, this.until);
    this.at = WINDOW_BYTES - left;
    this.until = WINDOW_BYTES;
    this.#isWaiting = true;
    this.until += await this.source.read(this.buffer, WINDOW_BYTES);
    this.#isWaiting = false;
    this.#reads += 1;
  }

  /** Reads that brought something: who watches over a silent server goes by these. */
  get reads(): number {
    return this.#reads;
  }

  /** Whether a {@link fill} waits for more. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Ends a pending {@link fill} with this error. */
  fail(error: Error): void {
    this.source.fail(error);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.source.destroy();
  }
}
