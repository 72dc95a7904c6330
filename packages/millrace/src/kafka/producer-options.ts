import type { Compression } from "./compression.ts";

/** How a producer works. */
export interface ProducerOptions {
  readonly transactionalId: string;
  /** False: batches without a transaction (at least once); the epoch fences all the same, see {@link TransactionalProducer.renew}. */
  readonly transactional: boolean;
  readonly compression: Compression;
  /** The broker aborts what has been open for so long. */
  readonly transactionTimeoutMs: number;
  /** So long a batch, or the begin or end of a transaction, is tried again. */
  readonly deliveryTimeoutMs: number;
  /** How long a broker may wait for its replicas. */
  readonly acknowledgeTimeoutMs: number;
  /** No Produce is larger, unless one batch alone is; where it is absent a broker gets all that it leads at once. */
  readonly maxRequestBytes?: number;
  /** A Produce was answered after so long, and the broker reads nothing more of us for a while; milliseconds. */
  readonly produced?: (tookMs: number, throttledMs: number) => void;
  /** The same of the broker that coordinates, behind anything else that it was asked. */
  readonly throttled?: (throttledMs: number) => void;
}
