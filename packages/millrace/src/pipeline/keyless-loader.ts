import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Json, Position } from "../model/position.ts";
import type { ChunkBatch } from "../model/source.ts";
import type { Lane } from "./lane.ts";
import { openView, type ChunkParts } from "./chunk-reader.ts";
import { laneFor } from "./chunk-rows.ts";
import { RowItem } from "./lane-item.ts";
import { withKey } from "./feed.ts";
import { heldBy } from "./shared-bytes.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";

/** What is remembered of a finished load: changes that the snapshot sees are left out up to `end`. */
export interface KeylessLoad {
  readonly snapshot: Json;
  readonly end: Position;
  readonly rows: number;
}

/**
 * INIT_SYNC of a table without key: one snapshot, one lane, not resumable. The caller has drained the lanes, emptied
 * the target and holds the log back meanwhile; afterwards every change is applied that the snapshot does not see
 * (design/001 "Tables without key").
 */
export async function loadKeyless(
  parts: ChunkParts,
  table: TableRuntime,
  shapeHolds: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<KeylessLoad> {
  const view = await openView(parts, table, signal, { exact: true });
  parts.rest.progressed(table, view.window); // the log stands still
  try {
    const lanes = new Set<Lane>();
    let rows = 0;
    let isAsked = false;
    // Asked while the snapshot keeps the table from being altered, or right after. Changes that it sees are never
    // applied again, so a column that the shape lacks would be lost.
    const refuseOtherShape = async (): Promise<void> => {
      if (isAsked) return;
      isAsked = true;
      if (await shapeHolds()) return;
      throw new MillraceError("MR_SOURCE_TABLE_CHANGED", `${table.id} has other columns now`);
    };
    const { maxValueBytes } = parts;
    const options = { maxValueBytes, batchBytes: 256 * 1024, closes: true };
    const whole = { from: null, to: null };
    for await (const batch of view.snapshot.readChunk(table.shape, whole, options)) {
      await refuseOtherShape();
      await parts.load.rate.inTime(signal);
      await parts.chunkBytes.take(batch.bytes, signal);
      enterBatch(parts, table, batch, rows, lanes);
      parts.load.rate.took(batch.rows.length, batch.sentBytes);
      rows += batch.rows.length;
      table.update({ rowsLoaded: rows });
      failpoint("keyless.batch-sent");
    }
    await refuseOtherShape();
    // The lanes take as long as the sink does; nothing at the source is held for that.
    await view.snapshot.close();
    await until(signal, Promise.all([...lanes].map((lane) => lane.passedSoFar())));
    return { snapshot: view.snapshot.token, end: view.snapshot.logEnd, rows };
  } finally {
    table.windows.close(view.window);
    await view.snapshot.close();
  }
}

/** Rows of one batch into the table's lane, numbered from `rows` on. */
function enterBatch(
  parts: ChunkParts,
  table: TableRuntime,
  batch: ChunkBatch,
  rows: number,
  lanes: Set<Lane>,
): void {
  let given = batch.bytes;
  const routes = table.routesFor(table.shape);
  for (const [i, change] of batch.rows.entries()) {
    if (change.after === null || routes.length === 0) continue;
    const key = `r/${table.document.generation}/${rows + i}`;
    const held = heldBy(routes.length, change.bytes);
    for (const route of routes) {
      const row = withKey(route, change.after, key);
      const lane = laneFor(parts, route.target.id, "");
      lane.push(new RowItem("append", table, route, "", row, null, change, held));
      lanes.add(lane);
    }
    given -= change.bytes;
  }
  if (given !== 0) parts.chunkBytes.give(given);
}
