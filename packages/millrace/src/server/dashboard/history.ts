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
}

interface Kept {
  samples: Sample[];
  rows: number;
  atMs: number;
}

/** The last minutes of each pipeline, for the curves of the dashboard. */
export class History {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /** `now` gives milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
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
    const before = this.#kept.get(status.pipeline);
    const kept = before ?? { samples: [], rows, atMs };
    const seconds = (atMs - kept.atMs) / 1000;
    // Counts begin anew when a pipeline does: then nobody knows what came in between.
    const isCounted = before !== undefined && seconds > 0 && rows >= kept.rows;
    const rowsPerSecond = isCounted ? (rows - kept.rows) / seconds : null;
    const samples = [...kept.samples, { atMs, rowsPerSecond, lagMs: status.lagMs }];
    this.#kept.set(status.pipeline, { samples: samples.slice(-KEPT), rows, atMs });
  }
}
