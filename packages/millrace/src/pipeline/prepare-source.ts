import { MillraceError } from "../errors/millrace-error.ts";
import type { Json, Position } from "../model/position.ts";
import type { PreparedLog, TableLook } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { leaveSnapshots, meetBranch } from "./branched-log.ts";
import type { Committer } from "./committer.ts";
import {
  beginAnew,
  lookAtTables,
  meetDroppedTables,
  meetLeftTables,
  refuseIfFenced,
  type Found,
} from "./left-tables.ts";
import { meetLostTargets, type FoundTargets } from "./lost-targets.ts";
import {
  hasNotBegun,
  historyIn,
  stateKey,
  type FrontierDocument,
  type TableDocument,
} from "./state-documents.ts";
import { claimTargets } from "./targets.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { TaskParts } from "./task-api.ts";

/** Where the log goes on. */
export interface StartFrontier {
  readonly position: Position;
  readonly acknowledge: Position | null;
  readonly unseen: readonly string[];
  /** An earlier run made this frontier durable: what lies at or before it is not applied again. */
  readonly replayed: boolean;
}

/** What the source was made ready to. */
interface PreparedSource {
  /** Tables that the file or the source have no more, with their last documents. */
  readonly removed: readonly (readonly [TableId, TableDocument])[];
  readonly frontier: StartFrontier;
  /** Tables whose first snapshot must wait for older transactions of the source. */
  readonly waiting: TableId[];
  /** How their targets were found, before any of them is made. */
  readonly targets: FoundTargets;
  /** Which branch of the source's log it is ({@link PreparedLog}). */
  readonly history: Json | null;
}

interface KeptLog extends Omit<PreparedSource, "removed" | "targets"> {
  readonly carriers: PreparedLog["carriers"];
}

/** Tables that went or were left out for a while are met, then the log is told to keep those that are there. */
export async function prepareSource(
  parts: TaskParts,
  found: Found,
  committer: Committer,
  loss: MillraceError | null,
  signal: AbortSignal,
): Promise<PreparedSource> {
  const removed = await meetDroppedTables(parts, found);
  await claim(parts, found, signal);
  const looks = await lookAtTables(parts, found.tables);
  await meetLeftTables(parts, found, looks, committer);
  const { carriers, ...kept } = await keepLog(parts, found, loss);
  await takeStandings(parts, found, looks, carriers);
  const targets = await meetLostTargets(parts, found, committer);
  return { removed, targets, ...kept };
}

/** Where the pipeline begins, its shares claim the same targets at once. */
function claim(parts: TaskParts, { state, tables }: Found, signal: AbortSignal): Promise<void> {
  const work = () => claimTargets(parts, tables);
  if (state.pipeline !== null || parts.firstAlone === undefined) return work();
  const ids = [...tables.values()].flatMap(({ targets }) => targets.map(({ target }) => target.id));
  return parts.firstAlone.run(`claim ${ids.toSorted().join(" ")}`, work, signal);
}

/**
 * What is known of tables from now on. Their parts are taken as they were before the log was told to keep new tables:
 * what moves after that is found by the next look, in whatever the load's snapshots saw of it. What carries them is
 * taken as it was when they were captured, for we may have altered the publication ourselves; and not later, for somebody
 * else may have since.
 */
async function takeStandings(
  parts: TaskParts,
  { discovered, tables }: Found,
  before: ReadonlyMap<TableId, TableLook>,
  carriers: PreparedLog["carriers"],
): Promise<void> {
  for (const table of tables.values()) {
    const { identity } = table.shape;
    const found = before.get(table.id)?.parts ?? null;
    if (found !== null && table.standing.parts === null && table.awaited === null)
      table.parts = { v: 1, identity, parts: found };
  }
  const standing = { carrier: null, parts: null };
  const asked = discovered.map(({ shape }) => ({ shape, standing }));
  for (const look of (await parts.source.look?.(asked)) ?? []) {
    const table = tables.get(look.id);
    table?.update({ carrier: carriers?.get(look.id) ?? look.carrier });
    if (table === undefined || table.awaited === null || look.parts === null) continue;
    table.parts = { v: 1, identity: table.awaited, parts: look.parts };
  }
}

/** The log kept at the source, and where it goes on. A loss is met by the policy (I8). */
async function keepLog(
  parts: TaskParts,
  { state, discovered, tables, takeover }: Found,
  loss: MillraceError | null,
): Promise<KeptLog> {
  const shapes = discovered.map(({ shape }) => shape);
  const known = state.frontier;
  const histories = () => historiesOf(parts);
  try {
    if (loss !== null) throw loss;
    const kept = { history: state.history?.log ?? null, histories };
    const prepared = await parts.source.prepare(shapes, known?.position ?? null, kept);
    if (known !== null) meetBranch(parts, { state, tables }, prepared);
    const frontier = startFrontier(known, prepared);
    if (prepared.elsewhere === true) leaveSnapshots(parts, tables, frontier.position);
    // A table whose load has not begun may have joined in a run that ended before it could wait, or may have been put
    // back by somebody else: it waits.
    const begins = (id: TableId) => {
      const table = tables.get(id);
      return table === undefined || hasNotBegun(table.document);
    };
    const waiting = prepared.created
      ? []
      : shapes.map((s) => s.id).filter((id) => prepared.joined.includes(id) || begins(id));
    for (const table of tables.values())
      if (table.document.allPlanned && table.document.end === null)
        table.update({ end: prepared.pastEnd ?? frontier.position });
    return { frontier, waiting, history: prepared.history ?? null, carriers: prepared.carriers };
  } catch (thrown) {
    if (!(thrown instanceof MillraceError) || thrown.class !== "loss") throw thrown;
    await refuseIfFenced(parts, takeover);
    if (parts.settings.onLoss !== "resync") throw thrown;
    parts.observer.event({
      type: "notice",
      message: `${thrown.message}; all tables are loaded again (on-loss: resync)`,
    });
    const prepared = await parts.source.prepare(shapes, null, { recreate: true, histories });
    for (const table of tables.values()) meetLoss(parts, table, prepared);
    const { history = null, carriers } = prepared;
    return { frontier: startFrontier(null, prepared), waiting: [], history, carriers };
  }
}

async function historiesOf({ sink, pipeline }: TaskParts): Promise<readonly Json[]> {
  const documents = (await sink.readDocuments?.(pipeline, stateKey.history)) ?? [];
  return documents.filter(({ key }) => key === stateKey.history).map(historyIn);
}

/** The log begins anew. One that is all there is, is read once more; what is at the sink stays where no message tells of it. */
function meetLoss(parts: TaskParts, table: TableRuntime, { pastEnd }: PreparedLog): void {
  if (pastEnd === undefined) beginOutdated(parts, table);
  else table.update({ state: "INIT_SYNC", end: pastEnd });
}

/** What the lost log said of the table's shape nobody knows. */
function beginOutdated(parts: TaskParts, table: TableRuntime): void {
  beginAnew(parts, table);
  table.update({ outdated: true });
}

function startFrontier(
  known: FrontierDocument | null,
  { start, elsewhere = false }: PreparedLog,
): StartFrontier {
  if (known === null) return { position: start, acknowledge: null, unseen: [], replayed: false };
  return {
    position: known.position,
    acknowledge: known.acknowledge,
    // Who begins to read at another server sees all that was read of the one before.
    unseen: elsewhere ? [] : known.unseen,
    replayed: true,
  };
}
