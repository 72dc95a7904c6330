import type { TableId } from "../model/table.ts";
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
    /** Commit time of the oldest source transaction in it, milliseconds since 1970; null for chunks. */
    readonly oldestSourceMs: number | null;
    readonly changes: readonly {
      readonly table: TableId;
      readonly op: string;
      readonly count: number;
    }[];
  }): void;
  /** A failed attempt that is going to be retried, or not. */
  failed(failure: { readonly code: string; readonly class: string }): void;
  schemaChange(change: { readonly kind: string; readonly outcome: string }): void;
}

/** Hears nothing. */
export const deafObserver: TaskObserver = {
  event() {},
  committed() {},
  failed() {},
  schemaChange() {},
};
