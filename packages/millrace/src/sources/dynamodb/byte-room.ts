interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * What all tables of a pipeline may hold together (I10). A table that holds nothing is let in all the same, with one page: another
 * one that nobody takes pages from must not keep it from its stream (I11).
 */
export class SharedRoom {
  readonly #limitBytes: number;
  #usedBytes = 0;
  /** Rooms in which somebody waits, in the order in which they are asked. */
  readonly #waiting = new Set<ByteRoom>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  fits(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.#limitBytes;
  }

  /** So much more is held, or less where it is negative. */
  use(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** Whether somebody waits in a room. */
  told(room: ByteRoom, isWaiting: boolean): void {
    if (isWaiting) this.#waiting.add(room);
    else this.#waiting.delete(room);
  }

  /** Less is held: rooms are asked in turn. Who was let in comes last then. */
  freed(): void {
    for (const room of Array.from(this.#waiting)) {
      if (!this.fits(1)) return;
      this.#waiting.delete(room);
      room.admit();
    }
  }
}

/**
 * Room for what was read of a stream and is not given yet (I10). Taken before a page is asked for, by what is expected, and
 * corrected when its size is known: so it is passed by at most one page for each reader that expected less.
 */
export class ByteRoom {
  readonly #limitBytes: number;
  #shared: SharedRoom | null;
  #usedBytes = 0;
  #waiters: Waiter[] = [];

  /** A part of what several have together, or (null) alone. */
  constructor(limitBytes: number, shared: SharedRoom | null = null) {
    this.#limitBytes = limitBytes;
    this.#shared = shared;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Resolves once there is room; whoever is alone has it, whatever he wants. First come, first served. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiters.length === 0 && this.#fits(bytes)) {
      this.#use(bytes);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        reject(signal.reason as Error);
        this.admit();
      };
      const waiter: Waiter = {
        bytes,
        enter: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(waiter);
      this.#shared?.told(this, true);
    });
  }

  /** What was taken was `bytes` too little. */
  add(bytes: number): void {
    this.#use(bytes);
    this.admit();
    if (bytes < 0) this.#shared?.freed();
  }

  give(bytes: number): void {
    this.add(-bytes);
  }

  /** Nobody reads any more: what it holds is the others' from now on. What is given later changes nothing for them. */
  close(): void {
    const shared = this.#shared;
    this.#shared = null;
    shared?.told(this, false);
    shared?.use(-this.#usedBytes);
    shared?.freed();
  }

  /** Lets in who waits, as far as there is room. */
  admit(): void {
    for (let next = this.#waiters[0]; next !== undefined; next = this.#waiters[0]) {
      if (!this.#fits(next.bytes)) break;
      this.#waiters.shift();
      this.#use(next.bytes);
      next.enter();
    }
    this.#shared?.told(this, this.#waiters.length > 0);
  }

  #use(bytes: number): void {
    this.#usedBytes += bytes;
    this.#shared?.use(bytes);
  }

  #fits(bytes: number): boolean {
    if (this.#usedBytes === 0) return true;
    const isWithin = this.#usedBytes + bytes <= this.#limitBytes;
    return isWithin && (this.#shared?.fits(bytes) ?? true);
  }
}
