import type { KafkaTotals } from "../../observe/kafka-metrics.ts";
import type { TaskStatus } from "../../pipeline/status.ts";

/** How many samples of a pipeline are kept: two minutes at one a second (I10). */
const KEPT = 120;

/** Where a pipeline stood at a moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Rows a second since the sample before; null for the first one, and after a restart. */
  readonly rowsPerSecond: number | null;
  readonly lagMs: number | null;
  /** Null where the sink is none of topics, nothing was sent since, and of the first sample. */
  readonly kafka: KafkaRates | null;
}

/** What transactions of Kafka were like since the sample before. */
export interface KafkaRates {
  readonly commitsPerSecond: number;
  /** Of a transaction, from its first row to its end, on average; null where there was none. */
  readonly commitMs: number | null;
  /** From a Produce to its answer, on average; null where there was none. */
  readonly produceMs: number | null;
  /** The share of the time for which a quota held us back. */
  readonly throttledShare: number;
  /** Transactions that were aborted or are undecided, since the process began. */
  readonly othersInAll: number;
}

interface Kept {
  samples: Sample[];
  rows: number;
  atMs: number;
  kafka: KafkaTotals | null;
}

/** The last minutes of each pipeline, for the curves of the dashboard. */
export class History {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;
  readonly #kafkaOf: (pipeline: string) => KafkaTotals | null;

  /** `now` gives milliseconds since 1970. */
  constructor(
    now: () => number = Date.now,
    kafkaOf: (pipeline: string) => KafkaTotals | null = () => null,
  ) {
    this.#now = now;
    this.#kafkaOf = kafkaOf;
  }

  sample(statuses: readonly TaskStatus[]): void {
    for (const status of statuses) this.#add(status);
  }

  of(pipeline: string): readonly Sample[] {
    return this.#kept.get(pipeline)?.samples ?? [];
  }

  #add(status: TaskStatus): void {
    const rows = status.tables.reduce((sum, table) => sum + table.rowsLoaded + table.changes, 0);
    const atMs = this.#now();
    const totals = this.#kafkaOf(status.pipeline);
    const before = this.#kept.get(status.pipeline);
    const kept = before ?? { samples: [], rows, atMs, kafka: null };
    const seconds = (atMs - kept.atMs) / 1000;
    // Counts begin anew when a pipeline does: then nobody knows what came in between.
    const isCounted = before !== undefined && seconds > 0 && rows >= kept.rows;
    const rowsPerSecond = isCounted ? (rows - kept.rows) / seconds : null;
    const kafka = kafkaRates(kept.kafka, totals, seconds);
    const samples = [...kept.samples, { atMs, rowsPerSecond, lagMs: status.lagMs, kafka }];
    this.#kept.set(status.pipeline, { samples: samples.slice(-KEPT), rows, atMs, kafka: totals });
  }
}

function kafkaRates(
  before: KafkaTotals | null,
  now: KafkaTotals | null,
  seconds: number,
): KafkaRates | null {
  if (before === null || now === null || seconds <= 0) return null;
  const commits = now.committed - before.committed;
  const produces = now.produced - before.produced;
  return {
    commitsPerSecond: commits / seconds,
    commitMs: commits === 0 ? null : (now.committedMs - before.committedMs) / commits,
    produceMs: produces === 0 ? null : (now.producedMs - before.producedMs) / produces,
    throttledShare: Math.min(1, (now.throttledMs - before.throttledMs) / 1000 / seconds),
    othersInAll: now.others,
  };
}
