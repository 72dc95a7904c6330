import { Counter, Gauge, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import { DynamoMetrics, type DynamoObserver } from "./dynamodb-metrics.ts";
import { KafkaMetrics, type KafkaObserver, type KafkaTotals } from "./kafka-metrics.ts";

/** What a sink tells about its connections, its IAM tokens and its costs; and a source about its calls. */
export interface ConnectionObserver {
  counts(now: { readonly active: number; readonly idle: number }): void;
  /** A connection was handed out after this time. */
  acquired(tookMs: number): void;
  signed(token: { readonly expiresAtMs: number }): void;
  /** A token could not be signed. */
  failed(): void;
  /** What a transaction of Aurora DSQL has cost, by estimate. */
  estimatedDpu(dpu: number): void;
  /** The same of a sink of topics. */
  readonly kafka: KafkaObserver;
  /** Of a source of DynamoDB's tables. */
  readonly dynamodb: DynamoObserver;
}

const SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];

/** Metrics of connections and tokens, and of what they cost. */
export class ConnectionMetrics {
  readonly #active: Gauge;
  readonly #idle: Gauge;
  readonly #acquisition: Histogram;
  readonly #tokens: Counter;
  readonly #failures: Counter;
  readonly #expiry: Gauge;
  readonly #dpu: Counter;
  readonly #kafka: KafkaMetrics;
  readonly #dynamodb: DynamoMetrics;

  constructor(registry: Registry) {
    this.#kafka = new KafkaMetrics(registry);
    this.#dynamodb = new DynamoMetrics(registry);
    const metric = (name: string, help: string) => ({
      name,
      help,
      labelNames: ["pipeline"],
      registers: [registry],
    });
    this.#active = new Gauge(
      metric("dsql_connection_pool_active", "Connections of the sink that are in use."),
    );
    this.#idle = new Gauge(
      metric("dsql_connection_pool_idle", "Connections of the sink that are open and idle."),
    );
    const acquisition = metric(
      "dsql_connection_acquisition_time_seconds",
      "Time until a connection of the sink was there.",
    );
    this.#acquisition = new Histogram({ ...acquisition, buckets: SECONDS });
    this.#tokens = new Counter(metric("dsql_auth_token_refresh_total", "IAM tokens signed."));
    this.#failures = new Counter(
      metric("dsql_auth_token_refresh_failures_total", "IAM tokens that could not be signed."),
    );
    this.#expiry = new Gauge(
      metric(
        "dsql_auth_token_expiration_timestamp_seconds",
        "When the newest IAM token expires, since 1970.",
      ),
    );
    this.#dpu = new Counter(
      metric(
        "millrace_dsql_dpu_estimate_total",
        "DPU of the transactions at Aurora DSQL, an estimate from the bytes sent: writes and uniqueness reads, without compute, storage, secondary indexes and a second region.",
      ),
    );
  }

  /** See {@link KafkaMetrics.totals}. */
  kafkaTotals(pipeline: string): KafkaTotals | null {
    return this.#kafka.totals(pipeline);
  }

  observer(pipeline: string): ConnectionObserver {
    return {
      counts: ({ active, idle }) => {
        this.#active.set({ pipeline }, active);
        this.#idle.set({ pipeline }, idle);
      },
      acquired: (tookMs) => this.#acquisition.observe({ pipeline }, tookMs / 1000),
      signed: ({ expiresAtMs }) => {
        this.#tokens.inc({ pipeline });
        this.#expiry.set({ pipeline }, expiresAtMs / 1000);
      },
      failed: () => this.#failures.inc({ pipeline }),
      estimatedDpu: (dpu) => this.#dpu.inc({ pipeline }, dpu),
      kafka: this.#kafka.observer(pipeline),
      dynamodb: this.#dynamodb.observer(pipeline),
    };
  }
}
