import type { Clock } from "../../model/ports.ts";

/** Answers tell the service's clock in whole seconds. */
const GRAIN_MS = 1_000;

/** The service's clock between its answers: ages of records go by it, not by this machine's. */
export class ServiceClock {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  /** The service's clock less our monotonic one; null before the first answer. */
  #aheadMs: number | null = null;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
  }

  /** An answer that came just now said so. */
  told(timeMs: number): void {
    this.#aheadMs = timeMs - this.#clock.monotonic();
  }

  /** About now, at the service; by this machine's clock while it was never told. */
  nowMs(): number {
    if (this.#aheadMs === null) return this.#clock.now();
    return Math.floor(this.#clock.monotonic() + this.#aheadMs);
  }

  /** A time at the service that has not come yet: all that was changed before now was changed before that. */
  endMs(): number {
    return this.nowMs() + GRAIN_MS;
  }
}

/** The same for what an answer has seen that told this time. */
export function behindAnswer(timeMs: number): number {
  return timeMs + GRAIN_MS;
}
