import { MillraceError } from "../errors/millrace-error.ts";
import type { ShapeChange, Transaction } from "../model/change.ts";
import type { ChunkKey, Json, Position, TransactionId } from "../model/position.ts";
import type { StateEntry } from "../model/sink.ts";
import type { TableId, TableShape } from "../model/table.ts";
import type { LaneGroups } from "./lane-choice.ts";
import type { TableState } from "./status.ts";

/*
 * Everything a pipeline remembers, as small JSON documents at its sink. All but the checkpoints are written by lane 0
 * alone, so that no two transactions ever touch the same document. Each has a version; golden files hold the forms.
 */

/** `pipeline`: who and what this state belongs to. */
export interface PipelineDocument {
  readonly v: 1;
  readonly identity: Json;
  readonly lanes: number;
  /** Targets that have one lane for all their keys (design/002). */
  readonly laneGroups?: LaneGroups;
}

/** `frontier/log`: the durable prefix of the log (I3), and transactions in it that no snapshot has seen yet. */
export interface FrontierDocument {
  readonly v: 1;
  readonly position: Position;
  readonly acknowledge: Position | null;
  readonly unseen: readonly TransactionId[];
}

/** `history`: on which branch of the source's log everything here was read ({@link PreparedLog}). */
export interface HistoryDocument {
  readonly v: 1;
  readonly log: Json;
}

/** `table/<id>`: a table's state, and the fold of its finished chunks. */
export interface TableDocument {
  readonly v: 1;
  readonly state: TableState;
  /** Start of its present INIT_SYNC, milliseconds since 1970; rows that it does not see are ghosts. */
  readonly generation: number;
  /** How the source has it; rows are read and decoded by this. */
  readonly shape: TableShape;
  /** The shape that the targets were made from; older than `shape` where schema changes are ignored. */
  readonly targetShape: TableShape;
  /** Chunks are planned up to here; every key before it is loaded or in a chunk document. */
  readonly planned: ChunkKey | null;
  readonly allPlanned: boolean;
  /** Its load has begun though no bound is kept, because the key is hashed on the way. */
  readonly begun?: boolean;
  readonly nextChunk: number;
  readonly rowsLoaded: number;
  /** When SYNC was said first of this generation, milliseconds since 1970. */
  readonly loadedAtMs?: number | null;
  /** Not the first generation: an earlier one may have left rows at the sink. */
  readonly repeated?: boolean;
  readonly estimatedRows: number | null;
  /** The greatest log end after any of its snapshots and source reads; SYNC once the frontier has passed it. */
  readonly end: Position | null;
  /** Whether rows of an older generation may be at the sink, and how far they have been looked for. */
  readonly sweep: "none" | "due" | "done";
  /** Tables without key: the snapshot that was loaded; changes that it sees are left out until `end`. */
  readonly snapshot: Json | null;
  readonly targets: readonly TableId[];
  /** Which tables they are ({@link TargetIdentities}), where that is known. */
  readonly targetIds?: TargetIdsDocument | null;
  /** Where its rows go and what becomes of them on the way, as its load was begun ({@link waysOf}). */
  readonly ways?: readonly string[];
  /**
   * What a last round refuses of it is looked at once more before it is given up for good: until it is SYNC, whoever
   * finds this tries those letters again (design/002).
   */
  readonly givingUp?: boolean;
  /** Its shape was read from the catalogue ahead of the log: older shapes may still come, and are not gone back to. */
  readonly aheadOfLog: boolean;
  /** What puts its changes into the log, as the source said last ({@link TableStanding}). */
  readonly carrier?: Json | null;
  /** The file left it out for a while: the log may have told of other shapes meanwhile, and began to be read behind them. */
  readonly outdated?: boolean;
  /** The file left it out; when it comes back, it is loaded anew and its ghosts are looked for. */
  readonly removed?: boolean;
  /** Beside `removed`: a newcomer that waits, or that the next run takes up. Its target is made by this shape, if by us; nothing was captured. */
  readonly awaited?: boolean;
  /**
   * Its changes are not applied any more, since when and why. Only another generation of its INIT_SYNC brings it back:
   * what the log told of it meanwhile is gone (I1).
   */
  readonly stopped?: StoppedDocument | null;
  /** The operator took it out of the way, and when. Its changes are left out as those of a stopped one are. */
  readonly paused?: PausedDocument | null;
}

/** Which tables the targets of a table are, by target. */
export interface TargetIdsDocument {
  readonly home: string;
  readonly ids: Readonly<Record<TableId, string>>;
  /** What another program wrote was taken over unseen: that its target is not there by that name is no loss. */
  readonly unseen?: true;
}

/** That a table is paused. */
export interface PausedDocument {
  readonly atMs: number;
}

/** Why a table is stopped. */
export interface StoppedDocument {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** `parts/<id>`: the parts that hold a table's rows, as its load saw them ({@link TableStanding}); there may be many. */
export interface PartsDocument {
  readonly v: 1;
  /** The table that has them: another one under the same name has others. */
  readonly identity: string;
  readonly parts: Json;
}

/** `chunk/<table>/<n>`: a chunk in flight and its durable frontier. */
export interface ChunkDocument {
  readonly v: 1;
  readonly n: number;
  readonly from: ChunkKey | null;
  readonly to: ChunkKey | null;
  readonly rows: number;
  /** Keys beyond `from` whose rows were told already, by target: only where loads are told once (007). */
  readonly told?: Readonly<Record<TableId, readonly string[]>>;
  /** Beside rows that are told once: how many of the table were loaded with them. */
  readonly loaded?: number;
}

/** `intent`: a barrier that has begun. Finished on start before any lane moves. */
export interface IntentDocument {
  readonly v: 1;
  readonly kind: "truncate" | "shape" | "drop" | "gone" | "empty";
  readonly table: TableId;
  readonly position: Position;
  readonly acknowledge: Position | null;
  /** Transactions up to the position that no snapshot is known to see; they travel on with the frontier row. */
  readonly unseen: readonly TransactionId[];
  readonly tag: string;
  readonly shape: TableShape | null;
  readonly previous: TableShape | null;
  readonly rewritten: readonly string[];
  /** As the change of shape has it ({@link ShapeChange}). */
  readonly rows?: ShapeChange["rows"];
  readonly asked?: ShapeChange["asked"];
  /** Whose part it is. Absent where an earlier version began it, and of a change of shape that is in none. */
  readonly transaction?: Transaction | null;
  /** Nothing comes behind it in its source transaction. Absent: that is not known. */
  readonly endsTransaction?: boolean;
  /** The shape was read from the catalogue ahead of the log. */
  readonly aheadOfLog: boolean;
}

/** `released`: the process that took over with this fence has stopped, and writes nothing more. */
export interface ReleasedDocument {
  readonly v: 1;
  readonly fence: number;
}

/** The fence of a {@link ReleasedDocument}, as somebody else finds it; null where there is none. */
export function releasedFence(value: Json | null): number | null {
  return value === null ? null : document<ReleasedDocument>(stateKey.released, value).fence;
}

/** The keys under which documents are kept. */
export const stateKey = {
  pipeline: "pipeline",
  frontier: "frontier/log",
  history: "history",
  intent: "intent",
  released: "released",
  checkpoint: (lane: number): string => `checkpoint/log/${lane}`,
  table: (id: TableId): string => `table/${id}`,
  /** What the keys of all tables' documents begin with. */
  tables: "table/",
  parts: (id: TableId): string => `parts/${id}`,
  chunk: (id: TableId, n: number): string => `chunk/${n}/${id}`,
} as const;

/** An entry that stores a document, or deletes it. */
export function entry(key: string, value: object | null): StateEntry {
  return { key, value: value === null ? null : toJson(value) };
}

/** A document as plain JSON; also takes a copy, so that later changes of the live object do not reach it. */
function toJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** What was found at the sink, sorted out. */
export interface LoadedState {
  readonly pipeline: PipelineDocument | null;
  readonly frontier: FrontierDocument | null;
  readonly history: HistoryDocument | null;
  readonly intent: IntentDocument | null;
  readonly checkpoints: ReadonlyMap<number, Position>;
  readonly tables: ReadonlyMap<TableId, TableDocument>;
  readonly parts: ReadonlyMap<TableId, PartsDocument>;
  readonly chunks: readonly { readonly table: TableId; readonly chunk: ChunkDocument }[];
}

/**
 * Reads the state of a pipeline.
 * @throws MillraceError MR_STATE_VERSION for a document of a version this program does not know.
 */
export function loadState(state: ReadonlyMap<string, Json>): LoadedState {
  const checkpoints = new Map<number, Position>();
  const tables = new Map<TableId, TableDocument>();
  const parts = new Map<TableId, PartsDocument>();
  const chunks: { table: TableId; chunk: ChunkDocument }[] = [];
  for (const [key, value] of state) {
    const [, kind, rest] = /^([a-z]+)\/(.*)$/s.exec(key) ?? [];
    if (kind === undefined || rest === undefined) continue;
    if (kind === "checkpoint")
      checkpoints.set(Number(rest.slice(rest.lastIndexOf("/") + 1)), value as Position);
    else if (kind === "table") tables.set(rest as TableId, document<TableDocument>(key, value));
    else if (kind === "parts") parts.set(rest as TableId, document<PartsDocument>(key, value));
    else if (kind === "chunk") {
      chunks.push({
        table: rest.slice(rest.indexOf("/") + 1) as TableId,
        chunk: document<ChunkDocument>(key, value),
      });
    }
  }
  return {
    pipeline: optional<PipelineDocument>(state, stateKey.pipeline),
    frontier: optional<FrontierDocument>(state, stateKey.frontier),
    history: optional<HistoryDocument>(state, stateKey.history),
    intent: optional<IntentDocument>(state, stateKey.intent),
    checkpoints,
    tables,
    parts,
    chunks,
  };
}

/** The targets of a table, by its document as another task keeps it; none of one that the file has no more. */
export function targetsIn({ key, value }: StateEntry): readonly TableId[] {
  if (value === null) return [];
  const { removed, targets } = document<TableDocument>(key, value);
  return removed === true ? [] : targets;
}

/** The log's branch that another task keeps. */
export function historyIn({ key, value }: StateEntry): Json {
  return value === null ? null : document<HistoryDocument>(key, value).log;
}

/** Its INIT_SYNC has not planned anything yet. */
export function hasNotBegun({ state, planned, allPlanned, begun }: TableDocument): boolean {
  return state === "INIT_SYNC" && planned === null && !allPlanned && begun !== true;
}

/** Whether its changes are asked of the log: the file and the source have it, and nobody has paused it. */
export function isFollowed({ removed, paused = null }: TableDocument): boolean {
  return removed !== true && paused === null;
}

function optional<T>(state: ReadonlyMap<string, Json>, key: string): T | null {
  const value = state.get(key);
  return value === undefined ? null : document<T>(key, value);
}

function document<T>(key: string, value: Json): T {
  const version = typeof value === "object" && value !== null && "v" in value ? value.v : undefined;
  if (version !== 1) {
    throw new MillraceError(
      "MR_STATE_VERSION",
      `state document "${key}" has version ${JSON.stringify(version)}, this program knows version 1`,
    );
  }
  return value as T;
}
