import type { Clock, Random } from "../../model/ports.ts";

/**
 * A token bucket for opening connections: DSQL takes 100 new ones per second from all its clients together and
 * refuses the rest. Waiters are served in order, each a little apart.
 */
export class ConnectGate {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #ports: { readonly clock: Clock; readonly random: Random };
  #tokens: number;
  #filledAtMs: number;

  constructor(rate: { perSecond: number; burst: number }, ports: { clock: Clock; random: Random }) {
    this.#perSecond = rate.perSecond;
    this.#burst = rate.burst;
    this.#ports = ports;
    this.#tokens = rate.burst;
    this.#filledAtMs = ports.clock.monotonic();
  }

  /** Resolves when a connection may be opened. */
  async pass(signal?: AbortSignal): Promise<void> {
    const { clock, random } = this.#ports;
    const now = clock.monotonic();
    this.#tokens = Math.min(
      this.#burst,
      this.#tokens + ((now - this.#filledAtMs) * this.#perSecond) / 1_000,
    );
    this.#filledAtMs = now;
    // Below zero is a place in the queue: the debt says how long this waiter waits.
    this.#tokens -= 1;
    if (this.#tokens >= 0) return;
    const waitMs = (-this.#tokens / this.#perSecond) * 1_000;
    await clock.sleep(waitMs * (1 + random() * 0.1), signal);
  }
}
