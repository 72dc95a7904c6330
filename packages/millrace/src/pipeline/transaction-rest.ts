import type { Clock } from "../model/ports.ts";
import type { TransactionId } from "../model/position.ts";

/** How long the rest of a source transaction is waited for. The server sends it without a pause. */
const REST_MS = 200;

interface Awaited {
  readonly open: TransactionId;
  /** As long as nothing more has come than this. */
  readonly pushed: number;
  readonly untilMs: number;
}

/**
 * The rest of a source transaction, of which a lane has the beginning and which would fit: it is waited for, so that no
 * reader at the sink sees part of it. Never for long, since what memory cannot hold never comes.
 */
export class TransactionRest {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #awaited: Awaited | null = null;
  /** It was waited for in vain: it goes in parts. */
  #unfinished: TransactionId | null = null;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  get awaited(): boolean {
    return this.#awaited !== null;
  }

  /** The transaction has to wait still; `pushed` is how much has come to the lane so far. */
  holds(open: TransactionId, pushed: number): boolean {
    if (open === this.#unfinished) return false;
    const nowMs = this.#clock.monotonic();
    if (this.#awaited?.open !== open || this.#awaited.pushed !== pushed)
      this.#awaited = { open, pushed, untilMs: nowMs + REST_MS };
    if (nowMs < this.#awaited.untilMs) return true;
    this.#unfinished = open;
    return false;
  }

  /** Something goes: nothing is waited for. */
  clear(): void {
    this.#awaited = null;
  }

  /** Until `came`, or until it has been waited for long enough. */
  async wait(came: Promise<void>): Promise<void> {
    if (this.#awaited === null) return;
    const limit = new AbortController();
    const waitMs = Math.max(0, this.#awaited.untilMs - this.#clock.monotonic());
    const late = this.#clock
      .sleep(waitMs, AbortSignal.any([this.#signal, limit.signal]))
      .catch(() => undefined); // `came`, or the run has ended
    await Promise.race([came, late]);
    limit.abort();
  }
}
