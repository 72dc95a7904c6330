import { MillraceError } from "../errors/millrace-error.ts";
import type { Position } from "../model/position.ts";
import type { PreparedLog } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { beginAnew, type Found } from "./left-tables.ts";
import { hasNotBegun } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { TaskParts } from "./task-api.ts";

/**
 * The source's log has parted from the one that was read before: a standby was promoted. What the sink has from behind
 * that place, the source has not (I8). Changes of the log are a loss; what a load may have read there is read again.
 * @throws MillraceError MR_SOURCE_LOSS
 */
export function meetBranch(
  parts: TaskParts,
  { state, tables }: Pick<Found, "state" | "tables">,
  { branched = null }: PreparedLog,
): void {
  if (branched === null) return;
  const isBeyond = (position: Position | null | undefined): boolean =>
    position !== null &&
    position !== undefined &&
    parts.source.comparePositions(position, branched) > 0;
  const durable = [state.frontier?.position, state.intent?.position, ...state.checkpoints.values()];
  if (durable.some(isBeyond))
    throw new MillraceError(
      "MR_SOURCE_LOSS",
      "the server was promoted without the last commits that the sink has: its log parted from the one that was " +
        `read before at ${parts.source.positionText(branched)}`,
    );
  for (const table of tables.values()) {
    if (!mayHoldMore(table, isBeyond)) continue;
    beginAnew(parts, table);
    const message =
      "the source is another server than the one that the table was being loaded from, and may lack what was read there; it is loaded again";
    parts.observer.event({ type: "notice", table: table.id, message });
  }
}

/**
 * Loads that have not ended begin anew: where the last server's log was at their snapshots is no place of this one's. Nor
 * does a table without key go on whose end the `replayed` log has not passed yet, though it was SYNC: which of the changes
 * up to there its load brought, only that snapshot could tell.
 */
export function leaveSnapshots(
  { source, clock, observer }: Pick<TaskParts, "source" | "clock" | "observer">,
  tables: ReadonlyMap<TableId, TableRuntime>,
  replayed: Position,
): void {
  for (const table of tables.values()) {
    const { state, end } = table.document;
    const isAhead = table.keyless && end !== null && source.comparePositions(replayed, end) < 0;
    if ((state !== "INIT_SYNC" && !isAhead) || hasNotBegun(table.document)) continue;
    beginAnew({ clock }, table);
    const message = "another server took over while the table was being loaded; it is loaded again";
    observer.event({ type: "notice", table: table.id, message });
  }
}

/** Rows at the sink may be from a snapshot that was taken behind the place; of unfinished chunks nobody knows. */
function mayHoldMore(
  { document, chunks }: TableRuntime,
  isBeyond: (position: Position | null) => boolean,
): boolean {
  if (document.state !== "INIT_SYNC") return false;
  return (
    !document.allPlanned || chunks.size > 0 || document.sweep === "due" || isBeyond(document.end)
  );
}
