import { MillraceError } from "../errors/millrace-error.ts";
import type { Takeover } from "../model/sink.ts";
import type { DiscoveredTable, TableLook } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { fencedText } from "../model/holder.ts";
import { heldBy, type Committer } from "./committer.ts";
import { newGeneration } from "./generations.ts";
import { targetsOf } from "./routes.ts";
import {
  entry,
  hasNotBegun,
  isFollowed,
  stateKey,
  type LoadedState,
  type TableDocument,
} from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { sourcesOf } from "./targets.ts";
import type { TaskParts } from "./task-api.ts";
import { writeDocuments } from "./write-documents.ts";

/** What the sink and the source have said at the start of a run. */
export interface Found {
  readonly state: LoadedState;
  readonly discovered: readonly DiscoveredTable[];
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  readonly takeover: Takeover;
}

/**
 * A task that stood still after its takeover finds the log further on than it knows because another one has worked:
 * no loss, and none of its business to make the log anew (I5).
 */
export async function refuseIfFenced(
  { sink }: TaskParts,
  { fence }: Pick<Takeover, "fence">,
): Promise<void> {
  const rows = await sink.readLanes();
  if (rows.every((row) => row.fence === fence)) return;
  const found = rows.map((row) => row.fence);
  const fences = `fence ${Math.max(...found)}, ours was ${fence}`;
  throw new MillraceError("MR_FENCED", fencedText(await heldBy(sink), fences));
}

/** How every table stands now, held against what is known of it. */
export async function lookAtTables(
  { source }: TaskParts,
  tables: ReadonlyMap<TableId, TableRuntime>,
): Promise<ReadonlyMap<TableId, TableLook>> {
  const known = [...tables.values()].map(({ shape, standing }) => ({ shape, standing }));
  const looks = (await source.look?.(known)) ?? [];
  return new Map(looks.map((look) => [look.id, look]));
}

/**
 * Tables whose changes the log did not keep all the time, before it is told to keep them again: what was changed
 * meanwhile is lost (I8). One that was made anew is loaded as a new one; for another the policy decides. That it
 * begins anew is durable before the publication is altered: afterwards nothing would tell.
 */
export async function meetLeftTables(
  parts: TaskParts,
  { state, discovered, tables, takeover }: Found,
  looks: ReadonlyMap<TableId, TableLook>,
  committer: Committer,
): Promise<void> {
  if (state.frontier === null) return;
  const now = new Map(discovered.map(({ shape }) => [shape.id, shape.identity]));
  // What changed while a table is paused comes with its resume.
  const known = [...tables.values()].filter(({ id }) => {
    const before = state.tables.get(id);
    return before !== undefined && isFollowed(before);
  });
  const begun = known.filter(({ document }) => !hasNotBegun(document));
  const remade = begun.filter(({ id, shape }) => now.get(id) !== shape.identity);
  const left = begun.filter((table) => !remade.includes(table) && lossOf(looks, table) !== null);
  await followFirst(
    known.filter((table) => !begun.includes(table) && lossOf(looks, table) !== null),
    committer,
  );
  if (remade.length + left.length === 0) return;
  await refuseIfFenced(parts, takeover);
  const reasons = left.map((table) => `${table.id} ${lossOf(looks, table)}`).join("; ");
  if (left.length > 0 && parts.settings.onLoss !== "resync")
    throw new MillraceError("MR_SOURCE_TABLE_LEFT", reasons);
  for (const table of [...remade, ...left]) {
    const gone = [...table.chunks.keys()].map((n) => entry(stateKey.chunk(table.id, n), null));
    beginAnew(parts, table);
    await writeDocuments(committer, [...gone, entry(stateKey.table(table.id), table.document)]);
    const why = lossOf(looks, table) ?? "was made anew at the source";
    const message = `the table ${why}; it is loaded again`;
    parts.observer.event({ type: "notice", table: table.id, message });
  }
}

/** Nothing of them is lost, as nothing was read; yet what the log still has of them is older than their load. */
async function followFirst(tables: readonly TableRuntime[], committer: Committer): Promise<void> {
  if (tables.length === 0) return;
  for (const table of tables) table.update({ sweep: "due" });
  await writeDocuments(
    committer,
    tables.map((table) => entry(stateKey.table(table.id), table.document)),
  );
}

function lossOf(looks: ReadonlyMap<TableId, TableLook>, { id }: TableRuntime): string | null {
  return looks.get(id)?.lost ?? null;
}

/** A new generation of the table's INIT_SYNC, its rows left in place until ghosts are looked for. */
export function beginAnew(parts: Pick<TaskParts, "clock">, table: TableRuntime): void {
  table.chunks.clear();
  table.update({
    state: "INIT_SYNC",
    generation: newGeneration(parts.clock, table),
    planned: null,
    allPlanned: false,
    rowsLoaded: 0,
    loadedAtMs: null,
    repeated: true,
    end: null,
    snapshot: null,
    sweep: "due",
  });
}

/**
 * Of the tables that the file or the source have no more, those that the source dropped: told of once, and their
 * targets dropped where the file asks for that. Before the targets are let go of: until then they are ours.
 */
export async function meetDroppedTables(
  parts: TaskParts,
  { state, tables }: Found,
): Promise<readonly (readonly [TableId, TableDocument])[]> {
  const missing = [...state.tables].filter(([id]) => !tables.has(id));
  const standing = { carrier: null, parts: null };
  const asked = missing.map(([, { shape }]) => ({ shape, standing }));
  const looks = asked.length === 0 ? [] : ((await parts.source.look?.(asked)) ?? []);
  const gone = new Set(looks.filter(({ being }) => being !== "there").map(({ id }) => id));
  const removed: (readonly [TableId, TableDocument])[] = [];
  for (const [id, document] of missing) {
    if (document.removed === true) continue;
    if (gone.has(id)) await meetDropped(parts, tables, id, document);
    removed.push([id, { ...document, removed: true }]);
  }
  return removed;
}

async function meetDropped(
  parts: TaskParts,
  tables: ReadonlyMap<TableId, TableRuntime>,
  id: TableId,
  document: TableDocument,
): Promise<void> {
  const targets = targetsOf(document.targetShape, parts.router, parts.sink).map((t) => t.target);
  const ours = targets.filter((target) => sourcesOf(parts, tables, target.id) === 0);
  const follow = parts.settings.dropTables;
  if (follow)
    for (const table of ours)
      // The generation is this table's alone: a zombie that renames once more meets its own name (design/001 "Barriers").
      await parts.sink.applyChange({ kind: "drop", table, tag: `gone_${document.generation}` });
  const dropped = follow ? ours : [];
  const kept = targets.filter((target) => !dropped.includes(target)).map((target) => target.id);
  const fate =
    kept.length === 0 ? "its target was dropped too" : `its target is kept: ${kept.join(", ")}`;
  const message = `the source dropped this table, or gave it another name; ${fate}`;
  parts.observer.event({ type: "notice", table: id, message });
}
