import type { Clock } from "../../model/ports.ts";

/** Calls at even distances: at most so many a second, whoever makes them, in the order in which they ask. */
export class CallRate {
  readonly #clock: Clock;
  readonly #distanceMs: number;
  #nextMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, clock: Clock) {
    this.#distanceMs = 1_000 / perSecond;
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn; rejects with the signal's reason. */
  async turn(signal?: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const at = Math.max(now, this.#nextMs);
    this.#nextMs = at + this.#distanceMs;
    if (at > now) await this.#clock.sleep(at - now, signal);
  }
}
