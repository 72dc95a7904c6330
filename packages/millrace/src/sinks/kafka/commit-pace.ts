/**
 * How much one transaction may bring: half of what was too slow, and more again as they are quick. It outlives runs, so that the
 * next one does not begin with what was too slow before.
 */
export class CommitPace {
  readonly #quickMs: number;
  #most = Infinity;

  /** Transactions that take less than a quarter of `timeoutMs` are quick. */
  constructor(timeoutMs: number) {
    this.#quickMs = timeoutMs / 4;
  }

  /** As far as is known. */
  fits(messages: number): boolean {
    return messages <= this.#most;
  }

  /** A transaction of so many messages took too long. */
  tooSlow(messages: number): void {
    this.#most = Math.min(this.#most, messages / 2);
  }

  /** One is durable, `tookMs` after it was asked for. */
  took(messages: number, tookMs: number): void {
    if (tookMs < this.#quickMs && messages > this.#most / 2) this.#most *= 2;
  }
}
