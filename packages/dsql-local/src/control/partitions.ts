/** How much a table takes: a new one is one partition, which splits while it is hot. A model, switched on by tests. */
import type { TableKey } from "../concurrency/catalogue-versions.ts";

/** What a table takes. */
export interface Throughput {
  /** Of a table that is cold; 0 for no bound. */
  readonly rowsPerSecond: number;
  /** How long it has to be at its bound until it takes twice as much; 0 for never. */
  readonly doublesAfterMs: number;
}

/** No bound. */
export const unbounded: Throughput = { rowsPerSecond: 0, doublesAfterMs: 0 };

interface Partition {
  rowsPerSecond: number;
  /** What was written until now is taken in by then. */
  busyUntilMs: number;
  hotSinceMs: number;
}

/** The tables of one cluster. */
export class Partitions {
  readonly #nowMs: () => number;
  #throughput = unbounded;
  readonly #tables = new Map<TableKey, Partition>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Sets the bound; all tables are cold again. */
  set(throughput: Throughput): void {
    this.#throughput = throughput;
    this.#tables.clear();
  }

  /** Whether there is a bound. */
  get areBounded(): boolean {
    return this.#throughput.rowsPerSecond > 0;
  }

  /** How long a COMMIT of these rows has to wait for its tables, in milliseconds. */
  delayMs(rows: ReadonlyMap<TableKey, number>): number {
    if (this.#throughput.rowsPerSecond === 0) return 0;
    let longest = 0;
    for (const [table, count] of rows) longest = Math.max(longest, this.#write(table, count));
    return longest;
  }

  #write(table: TableKey, rows: number): number {
    const nowMs = this.#nowMs();
    const { rowsPerSecond, doublesAfterMs } = this.#throughput;
    const known = this.#tables.get(table);
    const partition = known ?? { rowsPerSecond, busyUntilMs: nowMs, hotSinceMs: nowMs };
    this.#tables.set(table, partition);
    if (partition.busyUntilMs <= nowMs) {
      partition.busyUntilMs = nowMs;
      partition.hotSinceMs = nowMs;
    } else if (doublesAfterMs > 0 && nowMs - partition.hotSinceMs >= doublesAfterMs) {
      partition.rowsPerSecond *= 2;
      partition.hotSinceMs = nowMs;
    }
    partition.busyUntilMs += (rows / partition.rowsPerSecond) * 1_000;
    return partition.busyUntilMs - nowMs;
  }
}
