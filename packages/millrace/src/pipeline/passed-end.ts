import type { Position } from "../model/position.ts";
import type { Source } from "../model/source.ts";
import type { TableRuntime } from "./table-runtime.ts";

/** Whether a table that is not SYNC is what the log says from here on: its load is over, and the frontier has passed its end (I7). */
export function hasPassedEnd(
  table: TableRuntime,
  frontier: Position,
  source: Pick<Source, "comparePositions" | "tellsOutdated">,
): boolean {
  const { end, outdated } = table.document;
  if (table.leftOut || !table.loaded || end === null) return false;
  // It is about to be loaded again, and a run that begins before that leaves out more of the log than this one did.
  if (outdated === true && source.tellsOutdated === true) return false;
  return source.comparePositions(frontier, end) >= 0;
}
