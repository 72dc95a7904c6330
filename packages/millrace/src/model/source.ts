import type { Finding } from "./finding.ts";
import type { Clock, Logger, Random } from "./ports.ts";
import type { ChunkKey, Json, Position, TransactionId } from "./position.ts";
import type { LineLayout } from "./row-line.ts";
import type { OriginNames, SourceBlock } from "./source-block.ts";
import type { LogStart, PreparedLog, SourceLog } from "./source-log.ts";
import type { ChunkRange, SnapshotWish, SourceSnapshot } from "./source-snapshot.ts";
import type { TableId, TableShape } from "./table.ts";
import type { UnmatchedPattern } from "./uncaptured.ts";
import type { Row } from "./value.ts";

export type { LogStart, PreparedLog, SourceLog } from "./source-log.ts";
export type {
  ChunkBatch,
  ChunkOptions,
  ChunkRange,
  SnapshotWish,
  SourceSnapshot,
} from "./source-snapshot.ts";

/** What every connector is given. */
export interface ConnectorContext {
  readonly pipeline: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A table that the source has and the pipeline's patterns match. */
export interface DiscoveredTable {
  readonly shape: TableShape;
  /** The server's own guess, rows; null where it has none. For progress only. */
  readonly estimatedRows: number | null;
  /** Sentences for the operator about what is not possible with this table (no key, replica identity nothing …). */
  readonly notices: readonly string[];
}

/** A table that the pipeline's patterns match and that cannot be captured. */
export interface RefusedTable {
  readonly id: TableId;
  /** The reason, as what follows "it cannot be captured:". */
  readonly why: string;
  /** What the operator may do at the source, with the SQL. */
  readonly remedy: string;
  /** What it takes besides where a pipeline has captured the table until now. */
  readonly afterwards?: string;
}

/** What the pipeline keeps of a look at a table for the next one. Opaque to everyone but the source. */
export interface TableStanding {
  /** What puts its changes into the log; null before anything does. */
  readonly carrier: Json | null;
  /**
   * What holds its rows and may come and go without row events: a list of partitions, or what the source knows it by; null
   * before the first look.
   */
  readonly parts: Json | null;
}

/** What {@link Source.look} found, held against the standing that it was given, and the standing now. */
export interface TableLook extends TableStanding {
  readonly id: TableId;
  /** Whether its name still means this table, another one, or nothing. */
  readonly being: "there" | "remade" | "gone";
  /** Why changes since the standing may be in no log (I8), as what follows the table's name; null where none can be. */
  readonly lost: string | null;
  /**
   * What became of its rows without row events: some went, or some came (and others perhaps went). `rewritten`: the source
   * wrote all of them anew, among them perhaps such as no log has. `renewed`: that, unless the log tells of a TRUNCATE.
   */
  readonly rows: "same" | "fewer" | "more" | "rewritten" | "renewed";
  /** Its parts are not the same, whether rows moved with them or not. */
  readonly moved: boolean;
  /** Its shape where that may have changed since this process looked last; else null. */
  readonly shape: TableShape | null;
}

/** What a source keeps of its log for this pipeline, and for how long. */
export interface SourceRetention {
  /** From the oldest that it keeps to the end of the log. */
  readonly retainedBytes: number;
  /** The source does not tell how much that is; then it is given as 0. */
  readonly isUnmeasured?: true;
  /** Of these, what the pipeline has acknowledged: kept for another reason (PostgreSQL: an old transaction). */
  readonly acknowledgedBytes: number;
  /** Where the source gives the log up by itself; null where it keeps everything. */
  readonly limitBytes: number | null;
  /** The age at which the source drops its log, whoever has read it; absent where it goes by none. */
  readonly expireSeconds?: number;
  /** The source's own clock, milliseconds since 1970, where it tells: ages of its commits are told by it. */
  readonly timeMs?: number;
}

/** Something at the source that this connector waits for. `status` and the log of the process say it in these words. */
export interface SourceWait {
  readonly what: "log" | "load";
  /** A short name that stays, for metrics. */
  readonly reason: string;
  /** A sentence without its end, as what follows "waits:". */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/**
 * A source connector. Everything that moves is pulled by the pipeline; the source keeps no state of its own but the
 * objects at its server (slot, publication).
 */
export interface Source {
  readonly kind: string;
  /**
   * Its log is all that it has: nothing is loaded, no row can be asked for, and its tables are those that the log has told of
   * (Kafka). Absent: tables are loaded, and rows are read where the log leaves something out.
   */
  readonly isLogOnly?: boolean;
  /** What lines of its snapshots look like, where these are asked for lines. Absent: as those of COPY. */
  readonly lineLayout?: LineLayout;
  /** Other tasks of the pipeline write rows of the same tables: what is about a whole table is not this one's to do. */
  readonly sharesTables?: boolean;
  /**
   * Who else has something of its tables that may be older than what this one's log tells now, in words; null where nobody has. Asked
   * before a table is emptied. Absent: {@link sharesTables} says it.
   */
  besides?(): Promise<string | null>;
  /** What there is to know, before a first start, of what {@link discover} has found; no servers are asked. */
  cautions?(): readonly Finding[];
  /**
   * Of each table of {@link LogStart.paused} the log tells the shape by itself, behind its place and to be loaded again, and leaves out
   * what comes before: the table is not SYNC until then (I7). Absent: the shape comes with the table's next row, if ever.
   */
  readonly tellsOutdated?: true;
  /** What the pipeline has of tables, told at each start: a source whose log tells of its tables discovers these too. */
  remember?(tables: readonly TableShape[]): void;
  /**
   * Order of two positions of its log: negative, zero, positive. Where it joins them, `standing` is a standing and `place` one or a
   * change's own: negative says that the standing lacks something of it, zero that they are equal standings.
   */
  comparePositions(standing: Position, place: Position): number;
  /**
   * The least standing that has this one and all of these places. Only of a log of several shards, whose places are not
   * totally ordered (design/008); absent, the latest place has all the others.
   */
  join?(standing: Position, places: readonly Position[]): Position;
  /** Text that is unique and stable per position; `_millrace_key` of rows without key is made from it. */
  positionText(position: Position): string;
  /** What `status` tells of a position that is long: in short where it is. Absent, all of it. */
  shownPosition?(position: Position): Json;
  /**
   * Canonical text of a row's key: equal for keys that the source holds to be equal. Lanes, windows and compaction
   * go by it. `row` is in the shape's column order; only key columns are looked at.
   */
  keyText(shape: TableShape, row: Row): string;
  /** Who the server is (PostgreSQL: system identifier and database). Another identity is another source. */
  identity(): Promise<Json>;
  /** What messages tell of where changes come from, under these names. Absent where there is nothing of its own to tell. */
  origin?(names: OriginNames): SourceBlock;
  /** Tables that the patterns match now. */
  discover(): Promise<readonly DiscoveredTable[]>;
  /**
   * Tables that the patterns match now and that cannot be captured; a start is refused while there are any (I1), for
   * what {@link Source.discover} leaves out would be missing at the sink. Absent where a source captures every table.
   */
  refusals?(): Promise<readonly RefusedTable[]>;
  /** About how many messages there are to be read, of a first start from the oldest. Absent where the source is no topic. */
  messagesThere?(): Promise<number>;
  /** Patterns that match no table now, and what may be meant by them. Absent where tables are not chosen by patterns. */
  unmatched?(): Promise<readonly UnmatchedPattern[]>;
  /**
   * Refuses what {@link Source.prepare} would refuse for a missing right or setting, as far as that can be told without
   * writing anything: asked before the sink is touched. A loss is not its business. Absent where nothing is refused.
   * Tables `toLoad`, which are among them, are refused too where their rows could not be read.
   */
  check?(
    tables: readonly TableShape[],
    options?: { readonly toLoad?: readonly TableShape[] },
  ): Promise<void>;
  /**
   * Makes the server keep the log from now on for exactly these tables (slot, publication), idempotently, and says
   * where the log begins when it was created now. `known` says that this pipeline has run before: a missing slot is
   * then a loss (I8), rejected as MR_SOURCE_LOSS, and so is a log that no longer holds what comes after `known`, the
   * position to replay from. With `recreate` what is left of the old log is dropped and made anew (policy `resync`).
   * `joined` are tables that are captured only from now on: their first snapshot must wait for
   * {@link Source.safeToSnapshot}. A table without key whose deletes the server could not log (and would refuse) is
   * never captured: MR_SOURCE_REFUSED with the remedy.
   * With `history`, what an earlier call gave, it is told whether the log has parted from that one since. `histories` asks
   * for those of all tasks of the pipeline, this one's among them.
   */
  prepare(
    tables: readonly TableShape[],
    known: Position | null,
    options?: {
      recreate?: boolean;
      history?: Json | null;
      histories?: () => Promise<readonly Json[]>;
    },
  ): Promise<PreparedLog>;
  /**
   * Rejects as {@link Source.prepare} would, class loss, where the log no longer holds what comes after `known`; writes nothing.
   * For who does not run the pipeline. Absent where {@link Source.look} or a check of the server tells.
   */
  checkLog?(known: Position, history: Json | null): Promise<void>;
  /**
   * What the INIT_SYNC of a table waits for where nothing of it has been read yet: so long after the run's begin (`why` says what for, as
   * what follows "waits:"). Not where it goes on, nor before a resync of a table that is followed. Absent: for nothing.
   */
  readonly initSyncDelay?: { readonly ms: number; readonly why: string };
  /**
   * Of a source that is shared out, looked at as a whole (`SharedSource`), where a table is in one share alone: which one
   * that is, and the source of it, which whoever asked closes. Opens nothing.
   */
  shareOf?(table: TableShape): string;
  openShare?(share: string): Source;
  /**
   * Of one whose shares are parts of its log, and not of its tables: the source of a part, to ask {@link Source.checkLog} of, which
   * whoever asked closes; null where the file has no such part any more. Opens nothing.
   */
  openPart?(share: string): Source | null;
  /** Resolves once every transaction older than the joining of these tables has ended. */
  safeToSnapshot(tables: readonly TableId[], signal: AbortSignal): Promise<void>;
  /**
   * How tables stand besides their rows: what the log alone would not tell, such as a table that was dropped, one whose
   * changes the server did not keep in the log for a while (I8), parts of it that came with rows. Only looks; asked
   * before {@link Source.prepare} would put things right, and now and then while a task runs. Absent where a source's
   * log tells everything.
   */
  look?(
    tables: readonly { readonly shape: TableShape; readonly standing: TableStanding }[],
  ): Promise<readonly TableLook[]>;
  openLog(start: LogStart): Promise<SourceLog>;
  /** A new snapshot on a connection of its own. */
  openSnapshot(wish?: SnapshotWish): Promise<SourceSnapshot>;
  /**
   * An id that a snapshot sees if and only if it sees both, and all between them in the log. There where snapshots may
   * be behind the log for long, so that not every transaction need be remembered (I10); absent elsewhere.
   */
  readonly joinTransactions?: (one: TransactionId, other: TransactionId) => TransactionId;
  /** Of these transactions, those that a snapshot taken now does not see yet. Cheap; asked about once a second. */
  unseen(transactions: readonly TransactionId[]): Promise<readonly TransactionId[]>;
  /** {@link SourceSnapshot.sees} from a snapshot's `token`, for a snapshot that is long closed. */
  sees(token: Json, transaction: TransactionId): boolean;
  /**
   * How often the frontier is made durable while it moves, milliseconds; absent, once a second. Rarer where the source keeps its
   * log whoever has read it, and time alone moves its standings.
   */
  readonly frontierEveryMs?: number;
  /** Makes an idle log move past its present end, as far as the role may; best effort, never rejects. */
  nudge(): Promise<void>;
  /**
   * Where the log ends now; for lag, `--until-caught-up` and end positions. Who does not run the pipeline gives a position
   * `known` of it: the end is told so that it can be held against that.
   */
  logEnd(known?: Position): Promise<Position>;
  /**
   * What the source keeps for this pipeline; null where it keeps nothing yet, or any more. Cheap; asked every few
   * seconds, in runs and between them. Absent where nothing is kept for a reader, or nobody can tell how much.
   */
  retention?(): Promise<SourceRetention | null>;
  /**
   * Lets the source forget what it keeps: what comes next is a loss then (I8). Rejects where somebody reads it, where it
   * is none of ours, and where the source is not the one of this `identity`; what is gone already is fine.
   */
  letGo?(identity: Json): Promise<void>;
  /** What log and load wait for right now, beside time and locks of one table. Cheap: asked with every `status`. */
  waits?(): readonly SourceWait[];
  /** Records of the log that were left out by their age since it was opened; absent where none ever are. */
  recordsLeftOut?(): number;
  /** Messages between two positions, where a log is made of such; else absent. */
  messagesBetween?(from: Position, to: Position): number;
  /** Bytes of log between two positions; null where the source cannot say. */
  bytesBetween(from: Position, to: Position): number | null;
  /** The next bound of a chunk of about `rows` rows that begins after `from`; `to: null` when it is the last one. */
  planChunk(shape: TableShape, from: ChunkKey | null, rows: number): Promise<ChunkRange>;
  close(): Promise<void>;
}
