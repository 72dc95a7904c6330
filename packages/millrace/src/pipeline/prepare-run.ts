import { MillraceError } from "../errors/millrace-error.ts";
import { setFailpointPhase } from "../model/failpoint.ts";
import type { Json, Position } from "../model/position.ts";
import type { DiscoveredTable, Source } from "../model/source.ts";
import type { Takeover } from "../model/sink.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { remedyOfCaptured } from "../model/uncaptured.ts";
import { diffShapes, isSame } from "../schema/shape-diff.ts";
import { Barriers, type BarrierParts } from "./barriers.ts";
import { Committer, RestartNeeded } from "./committer.ts";
import { DeadLetterBook } from "./dead-letter-book.ts";
import { freshDocument } from "./fresh-document.ts";
import { Generations, type GoneRows } from "./generations.ts";
import { groupsOf, LaneChoice, type Checks } from "./lane-choice.ts";
import { makeTargets } from "./lost-targets.ts";
import { Newcomers } from "./newcomers.ts";
import { phaseOf } from "./phase.ts";
import { takeOver } from "./take-over.ts";
import { compileRoutes, keepsKey, targetsOf } from "./routes.ts";
import { finishLeft, standingAt } from "./left-in-barrier.ts";
import { meetReroutedTables } from "./rerouted-tables.ts";
import { otherSource } from "./other-source.ts";
import { prepareSource, type StartFrontier } from "./prepare-source.ts";
import { writeStart } from "./start-documents.ts";
import {
  entry,
  hasNotBegun,
  loadState,
  type LoadedState,
  stateKey,
  type TableDocument,
} from "./state-documents.ts";
import { TableRuntime } from "./table-runtime.ts";
import { sourcesOf, targetsElsewhere } from "./targets.ts";
import { ONLY_TASK, type RunningTask, type TaskParts } from "./task-api.ts";
import { until } from "./until.ts";

/** A task that has taken over, with source and sink made ready, before anything flows. */
export interface Prepared {
  readonly identity: Json;
  /** Lanes as the sink's state has them. */
  readonly lanes: number;
  readonly choice: LaneChoice;
  /** As the file asks for them, and as the targets' constraints do. */
  readonly wanted: LaneChoice;
  readonly checks: Checks;
  readonly laneRows: readonly number[];
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly checkpoints: ReadonlyMap<number, Position>;
  readonly frontier: StartFrontier;
  readonly tables: ReadonlyMap<TableId, TableRuntime>;
  /** As the run found them, also of tables that are here no more. */
  readonly documents: LoadedState["tables"];
  /** Tables whose first snapshot must wait for older transactions of the source. */
  readonly waiting: readonly TableId[];
  /** Tables whose load has not begun and whose shape is the catalogue's no more. */
  readonly moved: readonly TableId[];
  readonly maxValueBytes: number;
  readonly barriers: (
    live: Pick<BarrierParts, "acknowledged" | "unseen" | "reach" | "reached">,
  ) => Barriers;
  readonly generations: Generations;
  readonly goneRows: (table: TableRuntime) => GoneRows;
  readonly currentShape: (table: TableRuntime) => Promise<TableShape | null>;
}

const BUDGET_SHARE_OF_ONE_VALUE = 0.25;

/**
 * Takeover first (I5), then everything else: identity, tables, source objects, an open intent, targets, documents.
 * Idempotent: a crash anywhere in it is followed by the same again. `loss` is what the log has told of when it was
 * read: it is met as if it were found now (I8).
 */
export async function prepareRun(
  parts: RunningTask,
  signal: AbortSignal,
  loss: MillraceError | null = null,
): Promise<Prepared> {
  setFailpointPhase(() => "START");
  const { source, sink, settings } = parts;
  const { identity, seen } = await meetServers(parts);
  const wantedLanes = Math.max(1, Math.min(settings.parallelism, sink.capabilities.maxLanes));
  const takeover = await takeOver(parts, wantedLanes);
  const state = loadState(takeover.state);
  await refuseState(source, state, identity);
  signal.throwIfAborted();
  const committer = new Committer({ ...parts, signal }, takeover.fence, takeover.lanes);
  const matching = await rememberedBy(source, state, seen);
  const discovered = await takenOf(parts, state, matching, committer);
  const tables = makeTables(parts, state, discovered);
  const found = { state, discovered, tables, takeover };
  setFailpointPhase(() => phaseOf(tables.values()));
  const { book, ...limits } = limitsOf(parts, takeover, tables);
  const work = { committer, book, lanes: state.pipeline?.lanes ?? wantedLanes, tables };
  // Whatever a barrier writes is read again by a run of its own.
  if (await finishLeft(parts, found, (all) => barriersOf(parts, { ...work, tables: all })))
    return prepareRun(parts, signal, loss);
  if (parts.looked !== undefined) await until(signal, parts.looked);
  const { waiting, targets, ...kept } = await prepareSource(parts, found, committer, loss, signal);
  const moved = await lookAgain(parts, state, tables);
  const making = barriersOf(parts, work);
  if (state.intent !== null) {
    const barriers = making.barriers(standingAt(source, state, state.intent));
    await barriers.finish(state.intent, targets.gone);
    return prepareRun(parts, signal, loss);
  }
  const choice = new LaneChoice(work.lanes, state.pipeline?.laneGroups ?? {});
  // Before the targets are made: who comes after a crash must know by which shape they were.
  await writeStart(committer, { identity, choice, ...kept, tables, takeover });
  const checks = await makeTargets(parts, tables, targets, committer, signal);
  const wanted = new LaneChoice(wantedLanes, groupsOf(checks));
  const start = { choice, wanted, checks, ...durableOf(state, takeover, kept.frontier) };
  const known = { identity, documents: state.tables, waiting, moved };
  return { ...start, ...work, ...known, ...limits, ...making };
}

/** Shares open their sinks while they ask the source: what it has against the file was told before they began. */
async function meetServers({ source, sink, task = ONLY_TASK }: TaskParts): Promise<{
  readonly identity: Json;
  readonly seen: readonly DiscoveredTable[];
}> {
  const isShare = task !== ONLY_TASK;
  const opening = isShare ? sink.open() : null;
  opening?.catch(() => undefined); // heard of below
  try {
    const identity = await source.identity();
    const seen = await source.discover();
    await (opening ?? sink.open());
    return { identity, seen };
  } catch (thrown) {
    // The next attempt opens it again.
    await opening?.catch(() => undefined);
    throw thrown;
  }
}

/** How far log and lanes are durable; what lanes say counts only behind a frontier that was read past all of them. */
function durableOf(
  state: LoadedState,
  takeover: Takeover,
  frontier: Prepared["frontier"],
): Pick<Prepared, "frontier" | "laneRows" | "checkpoints"> {
  const laneRows = takeover.lanes.map(({ lane }) => lane);
  const checkpoints = frontier.replayed ? state.checkpoints : new Map<number, Position>();
  return { frontier, laneRows, checkpoints };
}

/** What makes barriers once the frontier lives, and the look at the source's catalogue that they share. */
function barriersOf(
  parts: TaskParts,
  { committer, book, lanes, tables }: Pick<Prepared, "committer" | "book" | "lanes" | "tables">,
): Pick<Prepared, "barriers" | "generations" | "currentShape"> {
  const currentShape = async (table: TableRuntime): Promise<TableShape | null> =>
    (await parts.source.discover()).find(({ shape }) => shape.id === table.id)?.shape ?? null;
  const own = (target: TableId, apart?: boolean) => sourcesOf(parts, tables, target, apart);
  const elsewhere = () => targetsElsewhere(parts);
  const generations = new Generations({ ...parts, committer, book, sourcesOf: own, elsewhere });
  const goneRows = goneRowsOf(parts, tables);
  const known = { ...parts, committer, book, lanes, tables, generations, currentShape, goneRows };
  return { barriers: (live) => new Barriers({ ...known, ...live }), generations, currentShape };
}

function limitsOf(
  parts: TaskParts,
  takeover: Takeover,
  tables: ReadonlyMap<TableId, TableRuntime>,
): Pick<Prepared, "book" | "maxValueBytes" | "goneRows"> {
  const { settings, sink, budget } = parts;
  const maxValueBytes = Math.floor(
    Math.min(sink.capabilities.maxValueBytes, budget.limitBytes * BUDGET_SHARE_OF_ONE_VALUE),
  );
  const limits = {
    maxValueBytes,
    policy: settings.deadLetters,
    ...(parts.errorHandler === undefined ? {} : { handler: parts.errorHandler }),
    maxPerTable: settings.maxDeadLetters,
    maxShare: settings.maxDeadLetterShare,
  };
  return {
    book: new DeadLetterBook(limits, takeover.deadLetters),
    maxValueBytes,
    goneRows: goneRowsOf(parts, tables),
  };
}

function goneRowsOf(
  parts: TaskParts,
  tables: ReadonlyMap<TableId, TableRuntime>,
): Prepared["goneRows"] {
  const { source, sink, router } = parts;
  return (table) => {
    // A load of a table without key empties its target by itself.
    if (table.keyless || source.isLogOnly === true) return "stay";
    const isSole = table.targets.every(({ target }) => sourcesOf(parts, tables, target.id) === 1);
    if (!isSole) return "stay";
    if (!sink.capabilities.lastWriteWins) return "told";
    return sink.readKeys !== undefined && keepsKey(table.shape, router) ? "swept" : "stay";
  };
}

async function refuseState(source: Source, state: LoadedState, identity: Json): Promise<void> {
  refuseOtherSource(state, identity);
  await refuseLostTables(source, state);
}

/** A source whose log tells of its tables knows only now those that earlier runs were told of. */
async function rememberedBy(
  source: Source,
  { tables }: LoadedState,
  seen: readonly DiscoveredTable[],
): Promise<readonly DiscoveredTable[]> {
  if (source.remember === undefined) return seen;
  const live = [...tables.values()].filter(({ removed }) => removed !== true);
  source.remember(live.map(({ shape }) => shape));
  return source.discover();
}

/**
 * Tables that the pipeline has, and newcomers as far as nothing stands against them (newcomers.ts): a table that somebody
 * makes at the source must end no pipeline, at whatever run it is seen first, and neither must one that was removed and
 * comes back. The very first run takes all that match. Not before an open intent is finished, which may be about their
 * targets.
 */
async function takenOf(
  task: RunningTask,
  { pipeline, tables, intent }: LoadedState,
  matching: readonly DiscoveredTable[],
  committer: Committer,
): Promise<readonly DiscoveredTable[]> {
  const live = new Map(
    [...tables]
      .filter(([, { removed }]) => removed !== true)
      .map(([id, document]) => [id, { document }]),
  );
  // Where the log has told of a table nothing behind that is read without it: there is no waiting (I1).
  if (pipeline === null || task.source.isLogOnly === true) return matching;
  const nothing = { writes: [], deadLetters: [], superseded: [] };
  const keep = async (id: TableId, document: TableDocument | null): Promise<void> => {
    const kept = entry(stateKey.table(id), document);
    await committer.commit([0], { ...nothing, state: () => [kept] });
    // This start has read another one.
    if (tables.has(id)) throw new RestartNeeded(`the target of ${id} fits it as it is by now`);
  };
  const newcomers = new Newcomers({ ...task, tables: live, documents: tables, keep });
  const fit = new Set(intent === null ? await newcomers.fitting(matching) : []);
  return matching.filter(({ shape: { id } }) => live.has(id) || fit.has(id));
}

function refuseOtherSource({ pipeline }: LoadedState, identity: Json): void {
  const other = pipeline === null ? null : otherSource(pipeline.identity, identity);
  if (other !== null) throw other;
}

/** A table that was captured and no longer can be is a hole, not a table that was taken out of the file (I1). */
async function refuseLostTables(source: Source, state: LoadedState): Promise<void> {
  const refused = (await source.refusals?.()) ?? [];
  const lost = refused.filter(({ id }) => {
    const document = state.tables.get(id);
    return document !== undefined && document.removed !== true;
  });
  if (lost.length === 0) return;
  const detail = lost
    .map((one) => `${one.id} can no longer be captured: ${one.why} (${remedyOfCaptured(one)})`)
    .join("; ");
  throw new MillraceError("MR_SOURCE_REFUSED", detail);
}

/** Tables of the file: known ones with their documents, new ones with fresh ones. */
function makeTables(
  parts: TaskParts,
  state: LoadedState,
  discovered: readonly DiscoveredTable[],
): Map<TableId, TableRuntime> {
  const tables = new Map<TableId, TableRuntime>();
  for (const found of discovered) {
    const known = state.tables.get(found.shape.id);
    const document =
      known === undefined ? freshDocument(parts, found) : returning(parts, known, found);
    const targets = targetsOf(document.targetShape, parts.router, parts.sink);
    const table = new TableRuntime(
      { ...document, targets: targets.map((t) => t.target.id) },
      targets,
      (shape, to, unlogged) => compileRoutes(shape, to, parts.router, unlogged),
      (target) => parts.sink.placeOf?.(target) ?? target.id,
    );
    table.notices.push(...found.notices);
    if (known !== undefined && known.removed !== true) {
      restoreChunks(table, state);
      table.parts = state.parts.get(table.id) ?? null;
    }
    if (table.shape.identity !== found.shape.identity) table.awaited = found.shape.identity;
    tables.set(table.id, table);
  }
  meetReroutedTables(parts, state.tables, tables);
  return tables;
}

/** What was planned and not finished; `planned` in the table's document has moved past it. */
function restoreChunks(table: TableRuntime, state: LoadedState): void {
  for (const { table: id, chunk } of state.chunks) {
    if (id !== table.id || chunk.n >= table.document.nextChunk) continue;
    table.chunks.set(chunk.n, chunk);
    const { loaded = 0 } = chunk;
    if (loaded > table.document.rowsLoaded) table.update({ rowsLoaded: loaded });
  }
}

/**
 * A table that was captured before: goes on where it stood; one that was left out meanwhile begins anew, and its target
 * is what it was, or was made for it as a newcomer: what was altered in between is adopted like any other change.
 */
function returning(parts: TaskParts, known: TableDocument, found: DiscoveredTable): TableDocument {
  const { shape, targetShape, nextChunk } = known;
  if (known.removed === true)
    return {
      ...freshDocument(parts, found),
      shape,
      targetShape,
      ...(known.awaited === true
        ? {}
        : { nextChunk, sweep: "due", repeated: true, outdated: true }),
    };
  return { ...known, estimatedRows: found.estimatedRows ?? known.estimatedRows };
}

/**
 * Shapes once more, now that the log is kept: what was altered before that, no log will ever tell, and chunks would be
 * read without the new columns. From here on the catalogue may be ahead of the log. A table that a later run takes up has its
 * target already, which was made to see whether it fits (newcomers.ts): that is altered like any other.
 */
async function lookAgain(
  { source, router, sink }: TaskParts,
  state: LoadedState,
  tables: ReadonlyMap<TableId, TableRuntime>,
): Promise<TableId[]> {
  const untouched = [...tables.values()].filter(({ document }) => hasNotBegun(document));
  if (untouched.length === 0) return [];
  const shapes = new Map((await source.discover()).map(({ shape }) => [shape.id, shape]));
  const moved: TableId[] = [];
  for (const table of untouched) {
    const shape = shapes.get(table.id);
    if (shape === undefined) continue;
    const isKnown = state.tables.has(table.id);
    if (!isKnown) table.update({ aheadOfLog: true });
    if (isKnown || state.pipeline !== null) {
      const differs = !isSame(diffShapes(table.shape, shape));
      if (differs && table.paused === null) moved.push(table.id);
      continue;
    }
    table.update({ shape, targetShape: shape });
    table.retarget(targetsOf(shape, router, sink));
  }
  return moved;
}
