import { Counter, Histogram } from "prom-client";
import type { Registry } from "prom-client";

/** What a Kafka sink tells about its transactions. */
export interface KafkaObserver {
  /** A transaction has ended, or nobody knows yet. */
  ended(outcome: "committed" | "aborted" | "unknown", tookMs: number): void;
  /** A batch has gone to a broker, bytes before compression. */
  sent(bytes: number): void;
  /** A broker has answered a Produce, and reads nothing more of this client for a while (a quota). */
  produced(tookMs: number, throttledMs: number): void;
  /** The same behind another request, to the broker that coordinates. */
  throttled(throttledMs: number): void;
}

/** What a pipeline's transactions came to since the process began; times in milliseconds. */
export interface KafkaTotals {
  readonly committed: number;
  readonly committedMs: number;
  /** Aborted, or unknown until the next look. */
  readonly others: number;
  readonly produced: number;
  readonly producedMs: number;
  readonly throttledMs: number;
}

const NONE: KafkaTotals = {
  committed: 0,
  committedMs: 0,
  others: 0,
  produced: 0,
  producedMs: 0,
  throttledMs: 0,
};

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** Metrics of transactions and batches of Kafka. */
export class KafkaMetrics {
  readonly #transactions: Counter;
  readonly #seconds: Histogram;
  readonly #bytes: Histogram;
  readonly #produce: Histogram;
  readonly #throttled: Counter;
  readonly #totals = new Map<string, KafkaTotals>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#transactions = new Counter({
      name: "millrace_kafka_transactions_total",
      help: "Transactions at the brokers by outcome: committed, aborted, or unknown (decided by the next look).",
      labelNames: ["pipeline", "outcome"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "millrace_kafka_transaction_seconds",
      help: "Time of a committed transaction: encoding, sending, and its end.",
      labelNames: ["pipeline"],
      buckets: SECONDS,
      registers,
    });
    this.#bytes = new Histogram({
      name: "millrace_kafka_batch_bytes",
      help: "Batches sent to brokers, bytes before compression.",
      labelNames: ["pipeline"],
      buckets: BYTES,
      registers,
    });
    this.#produce = new Histogram({
      name: "millrace_kafka_produce_seconds",
      help: "Time from a Produce request to its answer, the acknowledgement by all replicas in sync included.",
      labelNames: ["pipeline"],
      buckets: SECONDS,
      registers,
    });
    this.#throttled = new Counter({
      name: "millrace_kafka_throttled_seconds_total",
      help: "Time for which brokers have read nothing more of this client because of a quota, as they told it.",
      labelNames: ["pipeline"],
      registers,
    });
  }

  /** The same for who looks at it here; null of a pipeline that has sent nothing to brokers. */
  totals(pipeline: string): KafkaTotals | null {
    return this.#totals.get(pipeline) ?? null;
  }

  observer(pipeline: string): KafkaObserver {
    const add = (more: Partial<KafkaTotals>): void => this.#add(pipeline, more);
    return {
      ended: (outcome, tookMs) => {
        add(outcome === "committed" ? { committed: 1, committedMs: tookMs } : { others: 1 });
        this.#transactions.inc({ pipeline, outcome });
        if (outcome === "committed") this.#seconds.observe({ pipeline }, tookMs / 1000);
      },
      sent: (bytes) => this.#bytes.observe({ pipeline }, bytes),
      produced: (tookMs, throttledMs) => {
        add({ produced: 1, producedMs: tookMs, throttledMs });
        this.#produce.observe({ pipeline }, tookMs / 1000);
        this.#throttled.inc({ pipeline }, throttledMs / 1000);
      },
      throttled: (throttledMs) => {
        add({ throttledMs });
        this.#throttled.inc({ pipeline }, throttledMs / 1000);
      },
    };
  }

  #add(pipeline: string, more: Partial<KafkaTotals>): void {
    const { committed, committedMs, others, produced, producedMs, throttledMs } =
      this.#totals.get(pipeline) ?? NONE;
    this.#totals.set(pipeline, {
      committed: committed + (more.committed ?? 0),
      committedMs: committedMs + (more.committedMs ?? 0),
      others: others + (more.others ?? 0),
      produced: produced + (more.produced ?? 0),
      producedMs: producedMs + (more.producedMs ?? 0),
      throttledMs: throttledMs + (more.throttledMs ?? 0),
    });
  }
}
