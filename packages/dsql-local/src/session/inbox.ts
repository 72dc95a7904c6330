/** The client's messages, in order, with a look at the next one and a bound on how many wait. */

const PAUSE_BYTES = 16 * 1024 * 1024;
const RESUME_BYTES = 4 * 1024 * 1024;

/** A queue between a socket that pushes and a session that takes. */
export class Inbox {
  #frames: Buffer[] = [];
  #head = 0;
  #waitingBytes = 0;
  #paused = false;
  #ended = false;
  #wake: (() => void) | undefined;
  readonly #pause: (stop: boolean) => void;

  /** `pause` stops and resumes the socket. */
  constructor(pause: (stop: boolean) => void) {
    this.#pause = pause;
  }

  /** Whether a message waits. */
  get hasWaiting(): boolean {
    return this.#head < this.#frames.length;
  }

  /** Adds a message. */
  push(frame: Buffer): void {
    this.#frames.push(frame);
    this.#waitingBytes += frame.length;
    if (!this.#paused && this.#waitingBytes > PAUSE_BYTES) {
      this.#paused = true;
      this.#pause(true);
    }
    this.#wake?.();
  }

  /** No more messages will come. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The next message, left in the queue; undefined at the end. */
  async peek(): Promise<Buffer | undefined> {
    while (!this.hasWaiting && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    return this.#frames[this.#head];
  }

  /** Takes the next message; undefined at the end. */
  async take(): Promise<Buffer | undefined> {
    const frame = this.#frames[this.#head] ?? (await this.peek());
    if (frame === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#frames.length || this.#head > 1_000) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    this.#waitingBytes -= frame.length;
    if (this.#paused && this.#waitingBytes < RESUME_BYTES) {
      this.#paused = false;
      this.#pause(false);
    }
    return frame;
  }
}
