import type { SinkCapabilities } from "../model/sink.ts";
import type { LaneItem } from "./lane-item.ts";

/** What the lines of one transaction weigh together at most, as the budget counts them: longer ones go as any other rows do (I10). */
export const LINES_BYTES = 7.5 * 2 ** 20;

/**
 * How many rows of a load go in one transaction, of which this is the next one. What a transaction costs by itself is shared by
 * more of them where they are short and stay bytes: nothing of these survives collections but their places. Rows with values go as
 * changes do, at most `maxRows`.
 */
export function linesPerCommit(
  { linesPerCommit: most }: Pick<SinkCapabilities, "linesPerCommit">,
  maxRows: number,
  next: LaneItem | undefined,
): number {
  if (most === undefined || next?.kind !== "row" || next.line === null) return maxRows;
  return Math.max(maxRows, Math.min(most, Math.floor(LINES_BYTES / next.weight)));
}
