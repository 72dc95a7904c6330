import { Counter, Histogram } from "prom-client";
import type { Registry } from "prom-client";
import type { TaskObserver } from "../pipeline/observer.ts";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const LATENCY_SECONDS = [...SECONDS, 300, 900, 3600];

/** Metrics of what becomes durable at a sink. */
export class CommitMetrics {
  readonly #now: () => number;
  readonly #records: Counter;
  readonly #changes: Counter;
  readonly #processing: Histogram;
  readonly #latency: Histogram;
  readonly #errors: Counter;
  readonly #schemaChanges: Counter;

  constructor(registry: Registry, now: () => number) {
    this.#now = now;
    const registers = [registry];
    const counter = (name: string, help: string, labels: readonly string[]) =>
      new Counter({ name, help, labelNames: ["pipeline", ...labels], registers });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, labelNames: ["pipeline"], buckets, registers });
    const changes = "Changes durable at the sink, before compaction.";
    this.#records = counter("dsql_records_processed_total", changes, ["table", "op"]);
    this.#changes = counter("millrace_changes_total", changes, ["table", "op"]);
    this.#processing = histogram(
      "dsql_processing_latency_seconds",
      "Time of one transaction of the sink.",
      SECONDS,
    );
    this.#latency = histogram(
      "millrace_commit_latency_seconds",
      "From the source's commit until durable at the sink.",
      LATENCY_SECONDS,
    );
    this.#errors = counter("dsql_errors_total", "Failed attempts, by what the failure means.", [
      "class",
    ]);
    this.#schemaChanges = counter(
      "millrace_schema_changes_total",
      "Schema changes of the source.",
      ["kind", "outcome"],
    );
  }

  observer(pipeline: string): TaskObserver {
    return {
      event() {},
      committed: ({ tookMs, oldestSourceMs, changes }) => {
        this.#processing.observe({ pipeline }, tookMs / 1000);
        // Clocks of two machines differ a little; a negative age would break the histogram's sum.
        if (oldestSourceMs !== null)
          this.#latency.observe({ pipeline }, Math.max(0, this.#now() - oldestSourceMs) / 1000);
        for (const { table, op, count } of changes) {
          this.#records.inc({ pipeline, table, op }, count);
          this.#changes.inc({ pipeline, table, op }, count);
        }
      },
      failed: (failure) => this.#errors.inc({ pipeline, class: failure.class }),
      schemaChange: ({ kind, outcome }) => this.#schemaChanges.inc({ pipeline, kind, outcome }),
    };
  }
}
