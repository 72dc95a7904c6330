import type { Clock } from "../model/ports.ts";

interface Held {
  /** By the monotonic clock. */
  untilMs: number;
  /** Since when it goes on, milliseconds since 1970. */
  readonly sinceMs: number;
  /** The last request that was let through. */
  turn: Promise<unknown>;
}

/**
 * Brokers that read nothing more of a client for a while, because it has sent more than a quota allows. What is sent meanwhile
 * waits unread, until its connection is given up, and counts against the quota again with the next attempt.
 */
export class BrokerQuota {
  readonly #clock: Clock;
  readonly #held = new Map<number, Held>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a broker has answered: it reads nothing for so long. */
  answered(node: number, throttledMs: number): void {
    if (throttledMs <= 0) {
      this.#held.delete(node);
      return;
    }
    const untilMs = this.#clock.monotonic() + throttledMs;
    const held = this.#held.get(node);
    if (held !== undefined) held.untilMs = untilMs;
    else this.#held.set(node, { untilMs, sinceMs: this.#clock.now(), turn: Promise.resolve() });
  }

  /** How long a broker will read nothing, milliseconds. */
  restMs(node: number): number {
    return Math.max(0, (this.#held.get(node)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  /** To a broker that holds the client back requests go one at a time: each answer says when the next may. */
  inTurn<T>(node: number, work: () => Promise<T>): Promise<T> {
    const held = this.#held.get(node);
    if (held === undefined) return work();
    const done = held.turn.then(work, work);
    held.turn = done.catch(() => undefined);
    return done;
  }

  /** Brokers that hold the client back now. */
  list(): readonly { readonly node: number; readonly sinceMs: number; readonly restMs: number }[] {
    return [...this.#held]
      .map(([node, { sinceMs }]) => ({ node, sinceMs, restMs: this.restMs(node) }))
      .filter(({ restMs }) => restMs > 0);
  }
}
