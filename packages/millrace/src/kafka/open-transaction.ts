import type { Clock } from "../model/ports.ts";
import { KafkaFault } from "./kafka-fault.ts";
import type { ProducerOptions } from "./producer-options.ts";

/** Nothing more of a transaction is sent behind this share of its time: what is under way then, and its end, need the rest. */
export const OPEN_SHARE = 0.75;

/** How long the transaction of a producer has been open: its broker ends it after a while, and takes the epoch. */
export class OpenTransaction {
  readonly #clock: Clock;
  readonly #options: Pick<ProducerOptions, "transactional" | "transactionTimeoutMs">;
  /** When its first batch went, by the monotonic clock; null where none has. */
  #openedMs: number | null = null;

  constructor(
    clock: Clock,
    options: Pick<ProducerOptions, "transactional" | "transactionTimeoutMs">,
  ) {
    this.#clock = clock;
    this.#options = options;
  }

  /** A batch of it goes. */
  opens(): void {
    this.#openedMs ??= this.#clock.monotonic();
  }

  /** It is over. */
  ends(): void {
    this.#openedMs = null;
  }

  /** The broker would end it while `waitMs` pass, and take the epoch. @throws KafkaFault `slow` */
  refuseLate(share: number, waitMs: number): void {
    const { transactional, transactionTimeoutMs } = this.#options;
    if (!transactional || this.#openedMs === null) return;
    const openMs = this.#clock.monotonic() - this.#openedMs;
    if (openMs + waitMs > share * transactionTimeoutMs) throw slow(openMs, transactionTimeoutMs);
  }
}

function slow(openMs: number, timeoutMs: number): KafkaFault {
  return new KafkaFault(
    "slow",
    "TRANSACTION_TOO_SLOW",
    `a transaction was open for ${Math.round(openMs)} ms and has more to send, and its broker ends it after ${timeoutMs} ms (sink.transaction.timeout)`,
  );
}
