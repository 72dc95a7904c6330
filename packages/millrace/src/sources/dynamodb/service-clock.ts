import type { Clock } from "../../model/ports.ts";

/** Answers tell the service's clock in whole seconds. */
const GRAIN_MS = 1_000;

/** The service's clock between its answers: ages of records go by it, not by this machine's. */
export class ServiceClock {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  /** The service's clock less our monotonic one, by its last answer: at least, and at most; null before the first one. */
  #ahead: { readonly leastMs: number; readonly mostMs: number } | null = null;

  constructor(clock: Pick<Clock, "now" | "monotonic">) {
    this.#clock = clock;
  }

  /**
   * Before a request is sent: what is told of its answer's time. The service may have written that at any moment since, as an answer
   * can be long under way and lie long before it is read.
   */
  asking(): (timeMs: number) => void {
    const askedMs = this.#clock.monotonic();
    return (timeMs) => {
      const leastMs = timeMs - this.#clock.monotonic();
      this.#ahead = { leastMs, mostMs: timeMs + GRAIN_MS - askedMs };
    };
  }

  /** About now, at the service; by this machine's clock while it was never told. */
  nowMs(): number {
    if (this.#ahead === null) return this.#clock.now();
    return Math.floor(this.#clock.monotonic() + this.#ahead.leastMs);
  }

  /** A time at the service that has not come yet: all that was changed before now was changed before that. */
  endMs(): number {
    if (this.#ahead === null) return this.#clock.now() + GRAIN_MS;
    return Math.ceil(this.#clock.monotonic() + this.#ahead.mostMs);
  }
}

/** The same for what an answer has seen that told this time. */
export function behindAnswer(timeMs: number): number {
  return timeMs + GRAIN_MS;
}
