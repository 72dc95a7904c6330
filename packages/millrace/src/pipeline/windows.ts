/** Keys that changed since a chunk's window was opened; rows of these keys are struck from the chunk (I7). */
export class Window {
  readonly #struck = new Set<string>();
  #bytes = 0;
  readonly #limitBytes: number;
  readonly #served = Promise.withResolvers<void>();
  #isServed = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** More keys changed than the window may remember: the chunk must be read again from where it is durable (I10). */
  get overflowed(): boolean {
    return this.#bytes > this.#limitBytes;
  }

  /** It may overflow before long. */
  get isFilling(): boolean {
    return this.#bytes > this.#limitBytes / 2;
  }

  /** Its chunk has brought something, or it is closed. */
  get isServed(): boolean {
    return this.#isServed;
  }

  /** Resolves then. */
  get served(): Promise<void> {
    return this.#served.promise;
  }

  serve(): void {
    this.#isServed = true;
    this.#served.resolve();
  }

  strike(key: string): void {
    if (this.overflowed || this.#struck.has(key)) return;
    this.#struck.add(key);
    this.#bytes += key.length * 2 + 64;
  }

  has(key: string): boolean {
    return this.#struck.has(key);
  }
}

/** The open windows of one table. */
export class Windows {
  readonly #open = new Set<Window>();

  get size(): number {
    return this.#open.size;
  }

  open(limitBytes: number): Window {
    const window = new Window(limitBytes);
    this.#open.add(window);
    return window;
  }

  close(window: Window): void {
    this.#open.delete(window);
    window.serve();
  }

  strike(key: string): void {
    for (const window of this.#open) window.strike(key);
  }
}
