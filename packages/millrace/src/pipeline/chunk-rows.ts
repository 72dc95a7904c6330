import { MillraceError } from "../errors/millrace-error.ts";
import type { RowLine } from "../model/row-line.ts";
import type { ChunkBatch, ChunkOptions, Source } from "../model/source.ts";
import type { SinkCapabilities } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { LoadedBatch } from "./chunk-progress.ts";
import type { Lane } from "./lane.ts";
import type { LaneChoice } from "./lane-choice.ts";
import { RowItem } from "./lane-item.ts";
import type { CompiledRoute } from "./routes.ts";
import { heldBy, type SharedBytes } from "./shared-bytes.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { Window } from "./windows.ts";

/** What it takes to bring rows into their lanes. */
export interface ChunkRowParts {
  readonly source: Pick<Source, "keyText">;
  readonly lanes: readonly Lane[];
  readonly choice: LaneChoice;
  readonly chunkBytes: ByteAccount;
  /** See {@link takesLinesOf}. */
  readonly takesLines: boolean;
  /** See {@link tellsLoads}. */
  readonly tellsLoads: boolean;
}

/** Whether the sink writes rows from lines as the source has them. */
export function takesLinesOf(
  { lineLayout = "copy" }: Pick<Source, "lineLayout">,
  { takesLines, takesPackets }: Pick<SinkCapabilities, "takesLines" | "takesPackets">,
): boolean {
  return (lineLayout === "packet" ? takesPackets : takesLines) === true;
}

/** Whether rows of a table may come as lines, and those of which keys together: what is in one lane goes together. */
export function linesWanted(
  { choice, takesLines }: ChunkRowParts,
  table: TableRuntime,
): Pick<ChunkOptions, "lines"> {
  const routes = table.routesFor(table.shape);
  const first = routes[0]?.target.id;
  if (!takesLines || first === undefined || !routes.every(canTakeLines)) return {};
  return { lines: (key) => choice.laneOf(first, key) };
}

function canTakeLines({ takesLines }: CompiledRoute): boolean {
  return takesLines;
}

/** Rows into their lanes, less those that were struck, or told before. One step with striking: nothing is awaited here (I7). */
export function enterRows(
  parts: ChunkRowParts,
  table: TableRuntime,
  batch: ChunkBatch,
  window: Window,
  load: LoadedBatch,
): void {
  const routes = table.routesFor(table.shape);
  let given = batch.bytes;
  for (const change of batch.rows) {
    const row = change.after;
    if (row === null) continue;
    const key = parts.source.keyText(change.shape, row);
    if (window.has(key)) continue;
    const held = heldBy(routes.length, change.bytes);
    for (const route of routes)
      enter(
        parts,
        new RowItem("put", table, route, key, route.mapRead(row), null, change, held),
        load,
      );
    if (routes.length > 0) given -= change.bytes;
  }
  given -= enterLines(parts, table, batch.lines ?? [], routes, { window, load });
  if (given !== 0) parts.chunkBytes.give(given);
}

/** What they weigh that entered, bytes. Hot: once per row. */
function enterLines(
  parts: ChunkRowParts,
  table: TableRuntime,
  lines: readonly RowLine[],
  routes: readonly CompiledRoute[],
  { window, load }: { readonly window: Window; readonly load: LoadedBatch },
): number {
  let taken = 0;
  for (const line of lines) {
    const { key } = line;
    if (window.has(key)) continue;
    const held = heldBy(routes.length, line.bytes);
    for (const route of routes) {
      // They may have changed while the rows were read.
      const item = route.takesLines
        ? RowItem.ofLine(table, route, line, held)
        : readItem(table, route, line, held);
      enter(parts, item, load);
    }
    if (routes.length > 0) taken += line.bytes;
  }
  return taken;
}

function enter(parts: ChunkRowParts, item: RowItem, load: LoadedBatch): void {
  if (parts.tellsLoads && !load.takes(item)) parts.chunkBytes.give(item.letGo());
  else laneFor(parts, item.route.target.id, item.key).pushLoad(item);
}

/** The lane of a target's key. */
export function laneFor(
  { lanes, choice }: Pick<ChunkRowParts, "lanes" | "choice">,
  target: TableId,
  key: string,
): Lane {
  const lane = lanes[choice.laneOf(target, key)];
  if (lane === undefined) throw new MillraceError("MR_BUG", "a key hashes to no lane");
  return lane;
}

function readItem(
  table: TableRuntime,
  route: CompiledRoute,
  line: RowLine,
  held: number | SharedBytes,
): RowItem {
  const change = line.read();
  const row = route.mapRead(change.after ?? []);
  return new RowItem("put", table, route, line.key, row, null, change, held);
}

/** How many rows a batch has. */
export function rowsOf({ rows, lines }: Pick<ChunkBatch, "rows" | "lines">): number {
  return rows.length + (lines?.length ?? 0);
}
