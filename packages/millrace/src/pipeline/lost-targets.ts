import type { TargetIdentities } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { Committer } from "./committer.ts";
import { beginAnew, type Found } from "./left-tables.ts";
import type { Checks } from "./lane-choice.ts";
import { entry, hasNotBegun, stateKey } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { checkTargets } from "./targets.ts";
import type { TaskParts } from "./task-api.ts";
import { writeDocuments } from "./write-documents.ts";

type Tables = ReadonlyMap<TableId, TableRuntime>;

/** How the targets were found. */
export interface FoundTargets {
  /** Null where the sink does not tell. */
  readonly identities: TargetIdentities | null;
  /** Those of tables whose rows were written, and that are not there any more. */
  readonly gone: ReadonlySet<TableId>;
}

/**
 * Targets that somebody has dropped, or dropped and made anew, though rows were written to them: no log tells of those
 * rows again, so that their tables begin a new generation (I1, I8). Durable before the target is made: afterwards
 * nothing would tell.
 */
export async function meetLostTargets(
  parts: TaskParts,
  { state, tables }: Found,
  committer: Committer,
): Promise<FoundTargets> {
  const identities = await identitiesOf(parts, tables);
  const gone = new Set<TableId>();
  if (identities === null) return { identities, gone };
  for (const table of tables.values()) {
    const known = state.tables.get(table.id);
    const isBegun = known !== undefined && known.removed !== true && !hasNotBegun(table.document);
    // An open barrier may have dropped it itself; a table that is left out is loaded anew in any case.
    const isDropped = state.intent?.kind === "drop" && state.intent.table === table.id;
    if (!isBegun || isDropped) continue;
    const { missing, other } = lostOf(table, identities, state.intent?.table === table.id);
    for (const id of missing) gone.add(id);
    const lost = [
      ...missing.map((id) => `its target ${id} is not there any more`),
      ...other.map((id) => `its target ${id} is another table than the one that was written`),
    ];
    if (lost.length > 0 && !table.leftOut)
      await beginLost(parts, table, lost.join("; "), committer);
  }
  return { identities, gone };
}

/** Makes targets that are missing, and keeps which tables they are: durable before anything is written to them. */
export async function makeTargets(
  parts: TaskParts,
  tables: Tables,
  found: FoundTargets,
  committer: Committer,
): Promise<Checks> {
  const checks = await checkTargets(parts, tables);
  const isCreated = [...checks.values()].some(({ created }) => created);
  const now = isCreated ? await identitiesOf(parts, tables) : found.identities;
  if (now !== null) await keepIdentities(tables, now, committer);
  return checks;
}

async function keepIdentities(
  tables: Tables,
  now: TargetIdentities,
  committer: Committer,
): Promise<void> {
  const changed: TableRuntime[] = [];
  for (const table of tables.values()) {
    const ids = Object.fromEntries(
      table.targets.flatMap(({ target: { id } }) => {
        const identity = now.ids.get(id);
        return identity === undefined ? [] : [[id, identity] as const];
      }),
    );
    const targetIds = { home: now.home, ids };
    if (isSame(table.document.targetIds, targetIds)) continue;
    table.update({ targetIds });
    changed.push(table);
  }
  const written = changed.map(({ stored: { key, read } }) => entry(key, read()));
  if (written.length > 0) await writeDocuments(committer, written);
}

async function identitiesOf(parts: TaskParts, tables: Tables): Promise<TargetIdentities | null> {
  const targets = [...tables.values()].flatMap((table) => table.targets);
  return (await parts.sink.identifyTargets?.(targets.map(({ target }) => target))) ?? null;
}

function lostOf(
  { targets, document: { targetIds: known } }: TableRuntime,
  { home, ids }: TargetIdentities,
  isAltered: boolean,
): { readonly missing: readonly TableId[]; readonly other: readonly TableId[] } {
  const all = targets.map(({ target }) => target.id);
  const missing = all.filter((id) => !ids.has(id));
  // State and targets that were moved together (a backup) are as they were to each other, under new ids.
  const before = known?.home === home ? known.ids : {};
  // An open barrier may have made it anew itself; the start behind its end looks again.
  if (isAltered) return { missing, other: [] };
  const other = all.filter((id) => {
    const identity = before[id];
    return identity !== undefined && ids.has(id) && ids.get(id) !== identity;
  });
  return { missing, other };
}

async function beginLost(
  parts: TaskParts,
  table: TableRuntime,
  lost: string,
  committer: Committer,
): Promise<void> {
  // Where the file loads nothing, the log alone tells what is there from now on.
  const loads = parts.settings.fullLoad || table.document.nextChunk > 0;
  const message = loads
    ? `${lost}; the table is loaded again`
    : `${lost}; what was written to it is not brought back, because the file loads nothing: a resync of the table loads all of it`;
  if (loads) {
    const chunks = [...table.chunks.keys()].map((n) => entry(stateKey.chunk(table.id, n), null));
    beginAnew(parts, table);
    const { key, read } = table.stored;
    await writeDocuments(committer, [...chunks, entry(key, read())]);
  }
  table.notices.push(message);
  parts.observer.event({ type: "notice", table: table.id, message });
}

function isSame(
  a: { readonly home: string; readonly ids: Readonly<Record<string, string>> } | null | undefined,
  b: { readonly home: string; readonly ids: Readonly<Record<string, string>> },
): boolean {
  const textOf = ({ home, ids }: typeof b) =>
    JSON.stringify([home, Object.entries(ids).toSorted(([x], [y]) => (x < y ? -1 : 1))]);
  return a !== null && a !== undefined && textOf(a) === textOf(b);
}
