import type { Refusal } from "../model/dead-letter.ts";
import type { TargetChangeEvent } from "../model/sink.ts";
import type { Row } from "../model/value.ts";
import type { BatchContent } from "./batch-content.ts";
import { isGone, overlay, toChangeEvent } from "./compaction.ts";
import type { RowItem } from "./lane-item.ts";
import { LoadedEvent } from "./loaded-event.ts";
import { LoggedEvent } from "./logged-event.ts";
import { unfit } from "./routes.ts";

/**
 * Adds every change of its own, for sinks where each one matters. `read` has the rows of those that leave values out. What does
 * not fit is parked; only where `parks` is false it is the answer, and the content is good for nothing.
 */
export function addEvents(
  content: BatchContent,
  items: readonly RowItem[],
  read: ReadonlyMap<RowItem, Row | null>,
  parks = true,
): Refusal | null {
  const changes: TargetChangeEvent[] = [];
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item === undefined) continue;
    if (item.line !== null) {
      // Lines, and what a log has, are of routes where each row fits.
      changes.push(new LoadedEvent(item, item.line));
      content.applied(item);
      continue;
    }
    if (item.logged !== null) {
      changes.push(new LoggedEvent(item, item.logged));
      content.applied(item);
      continue;
    }
    const row = read.size === 0 ? null : (read.get(item) ?? null);
    const after = row === null ? item.row : overlay(row, item.row);
    const why = isGone(item) ? null : unfit(item.route.target, after, content.maxValueBytes);
    if (why !== null) {
      if (!parks) return why;
      content.park(item, why);
      continue;
    }
    // The update that follows tells the old row of a table without key; where it is parked, the old row has gone.
    if (isOldHalf(item, items[i + 1])) continue;
    changes.push(toChangeEvent(item, after));
    content.applied(item);
  }
  content.writes.push({ kind: "changes", changes });
  content.outcomesOf.push([]);
  return null;
}

/** A removal of a row without key that the next item's update tells too. */
function isOldHalf({ write, change }: RowItem, next: RowItem | undefined): boolean {
  if (write !== "remove-equal" || next?.change !== change || next.write !== "append") return false;
  return unfit(next.route.target, next.row) === null;
}
