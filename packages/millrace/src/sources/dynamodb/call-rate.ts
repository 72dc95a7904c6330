import type { Clock } from "../../model/ports.ts";

/** What a call is: somebody waits for what it tells, or it is a look that everybody takes now and then. */
export type Urgency = "urgent" | "regular";

interface Waiter {
  readonly enter: () => void;
}

/** Of so many turns one is a regular call's, however many are urgent. */
const REGULAR_EVERY = 4;

/**
 * Calls at even distances: at most so many a second, whoever makes them. Urgent ones first, else in the order in which they ask: a
 * shard's children must not wait until hundreds of tables are listed (I11).
 */
export class CallRate {
  readonly #clock: Clock;
  readonly #distanceMs: number;
  readonly #waiting: Readonly<Record<Urgency, Set<Waiter>>> = {
    urgent: new Set(),
    regular: new Set(),
  };
  #nextMs = Number.NEGATIVE_INFINITY;
  #turns = 0;
  #isServing = false;

  constructor(perSecond: number, clock: Clock) {
    this.#distanceMs = 1_000 / perSecond;
    this.#clock = clock;
  }

  /** Resolves when it is the caller's turn; rejects with the signal's reason. */
  async turn(urgency: Urgency, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = this.#waiting[urgency];
    const leave = (): void => {
      waiting.delete(waiter);
      reject(signal?.reason as Error);
    };
    const waiter = {
      enter: () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      },
    };
    signal?.addEventListener("abort", leave, { once: true });
    waiting.add(waiter);
    if (!this.#isServing) void this.#serve();
    return promise;
  }

  /** Lets one in after another until nobody waits. */
  async #serve(): Promise<void> {
    this.#isServing = true;
    while (this.#waiting.urgent.size + this.#waiting.regular.size > 0) {
      const waitMs = this.#nextMs - this.#clock.monotonic();
      if (waitMs > 0) await this.#clock.sleep(waitMs);
      this.#admit();
    }
    this.#isServing = false;
  }

  #admit(): void {
    const { urgent, regular } = this.#waiting;
    const isRegular = urgent.size === 0 || (this.#turns + 1) % REGULAR_EVERY === 0;
    const waiting = isRegular && regular.size > 0 ? regular : urgent;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next);
    this.#turns++;
    this.#nextMs = this.#clock.monotonic() + this.#distanceMs;
    next.enter();
  }
}
