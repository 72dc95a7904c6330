import type { MillraceError } from "../errors/millrace-error.ts";
import type { TableId } from "../model/table.ts";
import type { Outage } from "./outage.ts";
import type { SourceClock } from "./source-clock.ts";
import type { TaskEvent } from "./status.ts";

/**
 * What the pipeline tells to metrics and logs while it works. Called per commit and per batch, never per change.
 * Implemented in `observe/`.
 */
export interface TaskObserver {
  event(event: TaskEvent): void;
  /** A commit of a lane is durable. `changes` counts what it carried by table and op, before compaction. */
  committed(commit: {
    readonly lane: number;
    readonly rows: number;
    readonly bytes: number;
    /** From sending to the answer, milliseconds. */
    readonly tookMs: number;
    /** Commit time of the oldest source transaction in it, by our clock, milliseconds since 1970; null for chunks. */
    readonly oldestSourceMs: number | null;
    readonly changes: readonly {
      readonly table: TableId;
      readonly op: string;
      readonly count: number;
    }[];
  }): void;
  /** A failed attempt that is going to be retried, or not. */
  failed(failure: {
    readonly code: string;
    readonly class: string;
    /** With the wait before the next attempt, where there is one. */
    readonly error?: MillraceError;
    readonly waitMs?: number;
  }): void;
  /** What had failed is durable now. */
  recovered?(): void;
  schemaChange(change: { readonly kind: string; readonly outcome: string }): void;
}

/** Hears nothing. */
export const deafObserver: TaskObserver = {
  event() {},
  committed() {},
  failed() {},
  schemaChange() {},
};

/** The observer, with every attempt that is made again kept in `outage` too. */
export function watchedBy(
  outage: Outage,
  observer: TaskObserver,
  explain: (error: MillraceError) => MillraceError,
  sourceClock: Pick<SourceClock, "ownMs">,
): TaskObserver {
  return {
    event: (event) => observer.event(event),
    committed: (commit) => {
      const { oldestSourceMs } = commit;
      const ownMs = oldestSourceMs === null ? null : sourceClock.ownMs(oldestSourceMs);
      observer.committed({ ...commit, oldestSourceMs: ownMs });
    },
    failed: (failure) => {
      observer.failed(failure);
      if (failure.error !== undefined) outage.failed(explain(failure.error), failure.waitMs ?? 0);
    },
    recovered: () => {
      observer.recovered?.();
      outage.committed();
    },
    schemaChange: (change) => observer.schemaChange(change),
  };
}
