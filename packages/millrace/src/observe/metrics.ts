import { collectDefaultMetrics, Registry } from "prom-client";
import type { TaskObserver } from "../pipeline/observer.ts";
import { CommitMetrics } from "./commit-metrics.ts";
import { ConnectionMetrics } from "./connection-metrics.ts";
import type { ConnectionObserver } from "./connection-metrics.ts";
import type { KafkaTotals } from "./kafka-metrics.ts";
import { registerStatusMetrics } from "./status-metrics.ts";
import type { WatchedPipeline } from "./status-metrics.ts";

/**
 * All metrics of a process (docs/operations/metrics.md): `dsql_…` for what a SQL sink does, `millrace_…` for every pipeline.
 * Each has the label `pipeline`, since one process may run many.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #watched: WatchedPipeline[] = [];
  readonly #commits: CommitMetrics;
  readonly #connections: ConnectionMetrics;

  /** `now` gives milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#commits = new CommitMetrics(this.registry, now);
    this.#connections = new ConnectionMetrics(this.registry);
    registerStatusMetrics(this.registry, () => this.#watched);
    collectDefaultMetrics({ register: this.registry });
  }

  /** Reads this pipeline's status at every scrape from now on. */
  watch(pipeline: WatchedPipeline): void {
    this.#watched.push(pipeline);
  }

  /** Counts what a pipeline's task does. */
  observer(pipeline: string): TaskObserver {
    return this.#commits.observer(pipeline);
  }

  /** Follows the connections of a pipeline's sink. */
  connections(pipeline: string): ConnectionObserver {
    return this.#connections.observer(pipeline);
  }

  /** What a pipeline's Kafka transactions came to; null where its sink is none of topics, or has sent nothing. */
  kafkaTotals(pipeline: string): KafkaTotals | null {
    return this.#connections.kafkaTotals(pipeline);
  }

  /** The page that Prometheus reads. */
  async page(): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await this.registry.metrics(), contentType: this.registry.contentType };
  }
}
