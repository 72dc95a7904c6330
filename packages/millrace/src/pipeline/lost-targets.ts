import type { TargetIdentities } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import { RestartNeeded, type Committer } from "./committer.ts";
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
  /** Those that are not there: nothing of them is left to be altered. */
  readonly gone: ReadonlySet<TableId>;
  /** Those of tables whose rows were written, and that are there: nobody of ours makes them anew before they are checked. */
  readonly present: ReadonlySet<TableId>;
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
  const hasBegun = ({ id, document }: TableRuntime): boolean => {
    const known = state.tables.get(id);
    if (known === undefined || known.removed === true || hasNotBegun(document)) return false;
    return document.targetIds?.unseen !== true;
  };
  const begun = new Set([...tables.values()].filter(hasBegun));
  const identities = await identitiesOf(parts, tables, begun);
  const gone = new Set<TableId>();
  const present = new Set<TableId>();
  if (identities === null) return { identities, gone, present };
  for (const table of tables.values()) {
    const isBegun = begun.has(table);
    const isAltered = state.intent?.table === table.id;
    const { missing, other, there } = lostOf(table, identities, isAltered);
    for (const id of missing) gone.add(id);
    // An open barrier may have dropped it itself; a table that is left out is loaded anew in any case.
    const isDropped = isAltered && state.intent?.kind === "drop";
    if (!isBegun || isDropped) continue;
    if (!isAltered) for (const id of there) present.add(id);
    const lost = [
      ...missing.map((id) => `its target ${named(parts, table, id)} is not there any more`),
      ...other.map(
        (id) =>
          `its target ${named(parts, table, id)} is another ${parts.sink.placeOf === undefined ? "table" : "topic"} than the one that was written`,
      ),
    ];
    if (lost.length > 0 && !table.leftOut)
      await beginLost(parts, table, lost.join("; "), committer);
  }
  return { identities, gone, present };
}

/**
 * Makes targets that are missing, and keeps which tables they are: durable before anything is written to them.
 *
 * @throws {RestartNeeded} where somebody dropped one while this start was under way: the next one finds another table than
 * the one that is known.
 */
export async function makeTargets(
  parts: TaskParts,
  tables: Tables,
  found: FoundTargets,
  committer: Committer,
  signal: AbortSignal,
): Promise<Checks> {
  const check = () => checkTargets(parts, tables, found.identities);
  const checks = await (found.gone.size === 0 || parts.firstAlone === undefined
    ? check()
    : parts.firstAlone.run(`make ${toBeMade(tables, found.gone)}`, check, signal));
  // Where one was not there, another share may have made it.
  const isCreated = found.gone.size > 0 || [...checks.values()].some(({ created }) => created);
  const now = isCreated ? await identitiesOf(parts, tables, tables.values()) : found.identities;
  const isThere = (id: TableId): boolean => now?.ids.get(id) === found.identities?.ids.get(id);
  const lost = [...found.present].find((id) => !isThere(id));
  if (lost !== undefined && found.identities !== null) {
    await keepIdentities(tables, found.identities, committer);
    throw new RestartNeeded(`the target ${lost} was dropped meanwhile`);
  }
  if (now !== null) await keepIdentities(tables, now, committer);
  return checks;
}

/** The very tables that are to be made: with other columns one may have to be widened, whoever comes first. */
function toBeMade(tables: Tables, gone: FoundTargets["gone"]): string {
  const targets = [...tables.values()].flatMap((table) => table.targets);
  const missing = targets.filter(({ target: { id } }) => gone.has(id));
  const texts = missing.map(({ target: { id, columns } }) =>
    JSON.stringify([id, ...columns.map(({ name }) => name)]),
  );
  return texts.toSorted().join(" ");
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

async function identitiesOf(
  { sink }: TaskParts,
  tables: Tables,
  written: Iterable<TableRuntime>,
): Promise<TargetIdentities | null> {
  const targetsOf = (all: Iterable<TableRuntime>) =>
    [...all].flatMap(({ targets }) => targets.map(({ target }) => target));
  const expected = new Set(targetsOf(written).map(({ id }) => id));
  return (await sink.identifyTargets?.(targetsOf(tables.values()), expected)) ?? null;
}

/** A target as its operator finds it at the sink. */
function named({ sink }: TaskParts, { targets }: TableRuntime, id: TableId): string {
  const found = targets.find(({ target }) => target.id === id);
  const place = found === undefined ? undefined : sink.placeOf?.(found.target);
  return place === undefined ? id : `${id} (topic ${place})`;
}

function lostOf(
  { targets, document: { targetIds: known } }: TableRuntime,
  { home, ids }: TargetIdentities,
  isAltered: boolean,
): Record<"missing" | "other" | "there", readonly TableId[]> {
  const all = targets.map(({ target }) => target.id);
  const missing = all.filter((id) => !ids.has(id));
  const there = all.filter((id) => ids.has(id));
  // State and targets that were moved together (a backup) are as they were to each other, under new ids.
  const before = known?.home === home ? known.ids : {};
  // An open barrier may have made it anew itself; the start behind its end looks again.
  if (isAltered) return { missing, other: [], there };
  const other = there.filter((id) => {
    const [was = "", is = ""] = [before[id], ids.get(id)];
    return was !== "" && is !== "" && is !== was;
  });
  return { missing, other, there };
}

async function beginLost(
  parts: TaskParts,
  table: TableRuntime,
  lost: string,
  committer: Committer,
): Promise<void> {
  // Where the file loads nothing, the log alone tells what is there from now on.
  const loads = parts.settings.fullLoad || table.document.nextChunk > 0;
  const message = `${lost}; ${loads ? "the table is loaded again" : notBack(parts)}`;
  if (loads) {
    const chunks = [...table.chunks.keys()].map((n) => entry(stateKey.chunk(table.id, n), null));
    beginAnew(parts, table);
    const { key, read } = table.stored;
    await writeDocuments(committer, [...chunks, entry(key, read())]);
  }
  table.notices.push(message);
  parts.observer.event({ type: "notice", table: table.id, message });
}

function notBack({ source }: TaskParts): string {
  return source.isLogOnly === true
    ? "what was written to it is not brought back, because what was read of a topic is not read again: a pipeline of another name reads all of it"
    : "what was written to it is not brought back, because the file loads nothing: a resync of the table loads all of it";
}

function isSame(
  a: { readonly home: string; readonly ids: Readonly<Record<string, string>> } | null | undefined,
  b: { readonly home: string; readonly ids: Readonly<Record<string, string>> },
): boolean {
  const textOf = ({ home, ids }: typeof b) =>
    JSON.stringify([home, Object.entries(ids).toSorted(([x], [y]) => (x < y ? -1 : 1))]);
  return a !== null && a !== undefined && textOf(a) === textOf(b);
}
