/** How often a transaction that constraints refuse is tried again, and how long the first wait is; each doubles. */
const TRIES = 5;
const FIRST_WAIT_MS = 10;

/** How much longer what stands at a queue's head is tried again where constraints refuse it (design/002). */
export class Patience {
  #left = TRIES;

  /** Nothing is refused at the moment. */
  get isFresh(): boolean {
    return this.#left === TRIES;
  }

  /** What is refused may come again. */
  get lasts(): boolean {
    return this.#left > 0;
  }

  /** It is refused once more: how long to wait, ms. */
  refused(): number {
    const waitMs = FIRST_WAIT_MS * 2 ** (TRIES - this.#left);
    this.#left--;
    return waitMs;
  }

  /** What was refused is settled. */
  renew(): void {
    this.#left = TRIES;
  }
}
