import type { TableId } from "./table.ts";

/** A row that the sink, or its target's type, will never take. No values of it. */
export interface RefusedRow {
  readonly table: TableId;
  /** Our code, such as MR_SINK_ROW_REFUSED. */
  readonly code: string;
  readonly reason: string;
}

/**
 * Decides about rows that can never be applied, in place of the option `dead-letters`. What else can fail is not for
 * deciding: what passes is tried again, and what would leave a hole stops the pipeline (I1). The limits of dead letters
 * hold in any case.
 */
export interface ErrorHandler {
  /**
   * `park` makes a dead letter of the row, `fail` stops the pipeline. Asked before the row is parked, again for the
   * same row where its commit has to be made again. An error that it throws stops the pipeline, too.
   */
  rowRefused(row: RefusedRow): "park" | "fail";
}
