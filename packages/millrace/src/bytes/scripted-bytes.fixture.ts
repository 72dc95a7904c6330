import { type ByteSource, lostConnection } from "./byte-source.ts";

/** A connection whose bytes arrive in pieces of given sizes and which then ends. */
export class ScriptedBytes implements ByteSource {
  readonly #bytes: Buffer;
  readonly #sizes: readonly number[];
  #at = 0;
  #reads = 0;
  #failure: Error | null = null;
  readonly written: Uint8Array[] = [];

  constructor(bytes: Buffer, sizes: readonly number[]) {
    this.#bytes = bytes;
    this.#sizes = sizes;
  }

  async read(region: Buffer, at: number): Promise<number> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#at === this.#bytes.length) throw lostConnection("the server closed the connection");
    const wanted = this.#sizes[this.#reads++ % this.#sizes.length] ?? 1;
    const size = Math.min(wanted, this.#bytes.length - this.#at, region.length - at);
    this.#bytes.copy(region, at, this.#at, this.#at + size);
    this.#at += size;
    return size;
  }

  write(bytes: Uint8Array): void {
    this.written.push(bytes);
  }

  fail(error: Error): void {
    this.#failure ??= error;
  }

  handBack(): void {}
  async end(): Promise<void> {}
  destroy(): void {}
}
