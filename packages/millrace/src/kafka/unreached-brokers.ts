import type { Clock } from "../model/ports.ts";
import type { BrokerAddress } from "./cluster-options.ts";

/** For so long a broker may be away without a word, milliseconds: one that is started anew is. */
const QUIET_MS = 2_000;
/** Whom nobody has tried for so long is not wanted: others lead what it led. */
const WANTED_MS = 5_000;

/** A broker that is tried in vain. */
export interface UnreachedBroker {
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

interface Trouble extends UnreachedBroker {
  /** Monotonic. */
  readonly beganMs: number;
  triedMs: number;
}

/** Brokers that connections are opened to in vain: known at once, long before whoever waits for an answer gives it up. */
export class UnreachedBrokers {
  readonly #clock: Clock;
  /** By address; as many as the cluster has brokers, at most. */
  readonly #troubles = new Map<string, Trouble>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  failed(address: BrokerAddress, thrown: unknown): void {
    const [key, nowMs] = [keyOf(address), this.#clock.monotonic()];
    const known = this.#troubles.get(key);
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const { sinceMs, beganMs } = known ?? { sinceMs: this.#clock.now(), beganMs: nowMs };
    this.#troubles.set(key, { why, sinceMs, beganMs, triedMs: nowMs });
  }

  reached(address: BrokerAddress): void {
    this.#troubles.delete(keyOf(address));
  }

  /** Those that are still tried, and have been for a while. */
  list(): readonly UnreachedBroker[] {
    const nowMs = this.#clock.monotonic();
    return [...this.#troubles.values()]
      .filter(({ beganMs, triedMs }) => nowMs - beganMs >= QUIET_MS && nowMs - triedMs < WANTED_MS)
      .map(({ why, sinceMs }) => ({ why, sinceMs }));
  }
}

function keyOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`;
}
