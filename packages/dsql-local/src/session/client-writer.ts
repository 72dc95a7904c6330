/** What goes to the client: gathered into few writes, slowed down when the client is slow. */
import type { Duplex } from "node:stream";

const FLUSH_BYTES = 64 * 1024;

/** Gathers frames and writes them together. Hot path. */
export class ClientWriter {
  #stream: Duplex;
  readonly #onFull: (full: boolean) => void;
  #frames: Buffer[] = [];
  #gatheredBytes = 0;

  /** `onFull` is told when the client's socket is full, and when it has drained. */
  constructor(stream: Duplex, onFull: (full: boolean) => void) {
    this.#stream = stream;
    this.#onFull = onFull;
  }

  /** Adds a frame; written at the next flush, or at once when much has gathered. */
  add(frame: Buffer): void {
    this.#frames.push(frame);
    this.#gatheredBytes += frame.length;
    if (this.#gatheredBytes >= FLUSH_BYTES) this.flush();
  }

  /** Adds frames. */
  addAll(frames: readonly Buffer[]): void {
    for (const frame of frames) this.add(frame);
  }

  /** Forgets what was not yet written: for connections that are cut. */
  drop(): void {
    this.#frames = [];
    this.#gatheredBytes = 0;
  }

  /** Writes what has gathered. */
  flush(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    const [first] = frames;
    const bytes = frames.length === 1 && first !== undefined ? first : Buffer.concat(frames);
    this.drop();
    if (this.#stream.destroyed || this.#stream.write(bytes)) return;
    this.#onFull(true);
    this.#stream.once("drain", () => this.#onFull(false));
  }
}
