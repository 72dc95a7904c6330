import type { Finding } from "./finding.ts";
import type { Change, LogBatch } from "./change.ts";
import type { InitSync } from "./init-sync.ts";
import type { Clock, Logger, Random } from "./ports.ts";
import type { ChunkKey, Json, Position, TransactionId } from "./position.ts";
import type { LineLayout, RowLine } from "./row-line.ts";
import type { OriginNames, SourceBlock } from "./source-block.ts";
import type { TableId, TableShape } from "./table.ts";
import type { UnmatchedPattern } from "./uncaptured.ts";
import type { Row } from "./value.ts";

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
  /** The parts that hold its rows and may come and go without row events (partitions); null before the first look. */
  readonly parts: Json | null;
}

/** What {@link Source.look} found, held against the standing that it was given, and the standing now. */
export interface TableLook extends TableStanding {
  readonly id: TableId;
  /** Whether its name still means this table, another one, or nothing. */
  readonly being: "there" | "remade" | "gone";
  /** Why changes since the standing may be in no log (I8), as what follows the table's name; null where none can be. */
  readonly lost: string | null;
  /** What became of its rows without row events: some went, or some came (and others perhaps went). */
  readonly rows: "same" | "fewer" | "more";
  /** Its parts are not the same, whether rows moved with them or not. */
  readonly moved: boolean;
  /** Its shape where that may have changed since this process looked last; else null. */
  readonly shape: TableShape | null;
}

/** What the pipeline remembers about its log between runs. */
export interface LogStart {
  /** Replay from here; null on the first run. */
  readonly from: Position | null;
  /** Tables to capture, in the shape that the sink holds (the newest shape that a barrier made durable). */
  readonly tables: ReadonlyMap<TableId, TableShape>;
  /** Tables whose shape was taken from the catalogue and may be ahead of the log. */
  readonly adopted?: ReadonlySet<TableId>;
  /** Tables whose changes are left out for now, or were for a while: their shape may be older than the log's. */
  readonly paused?: ReadonlySet<TableId>;
  /** How the INIT_SYNC of each table stands where the log is opened. A later one of the same run is not told. */
  readonly initSyncs?: ReadonlyMap<TableId, InitSync>;
  /** What is durable behind `from`, lane by lane: the log must be the one that it was read of (I8). */
  readonly ahead?: readonly Position[];
  /** Values larger than this are skimmed, bytes. */
  readonly maxValueBytes: number;
}

/**
 * The one ordered stream of changes of a source task (a replication slot, a binlog). Pulled: as long as nobody asks
 * for the next batch, no more than a bounded buffer is read from the socket (back-pressure up to the server), yet
 * keepalives are answered.
 */
export interface SourceLog {
  /** The next batch; resolves as soon as there is anything. Rejects with a MillraceError; then the log is closed. */
  next(): Promise<LogBatch>;
  /** Tells the server that everything up to `position` may be forgotten. Only ever durable ends of transactions (I4). */
  acknowledge(position: Position): void;
  /** Also ends a pending `next()` with a rejection. */
  close(): Promise<void>;
}

/** A part of a table between two keys; `null` is open. `from` is exclusive, `to` inclusive. */
export interface ChunkRange {
  readonly from: ChunkKey | null;
  readonly to: ChunkKey | null;
}

/** Rows of a chunk in key order, and the key after which a later read would go on. */
export interface ChunkBatch {
  readonly rows: readonly Change[];
  /** The others of these rows, in key order too, where lines were asked for. */
  readonly lines?: readonly RowLine[];
  readonly lastKey: ChunkKey | null;
  /** What the rows weigh in memory. */
  readonly bytes: number;
  /** What the source had to send for them. */
  readonly sentBytes: number;
  /**
   * There where it is in memory and was paid for: it is entered however long it has to wait, and not read again because its
   * snapshot has lived for long enough meanwhile. `more`: so is what comes behind it.
   */
  readonly inHand?: "more" | "last";
}

/** How a chunk is read; see {@link SourceSnapshot.readChunk}. */
export interface ChunkOptions {
  /** Values larger than this are skimmed, bytes. */
  readonly maxValueBytes: number;
  readonly batchBytes: number;
  /** Rows that are asked for at once where what is read is not thrown away: more would wait for the load's rate. */
  readonly pageRows?: number;
  readonly closes?: boolean;
  readonly lines?: (key: string) => number;
}

/** A consistent view of the source at one moment, with what it takes to order it against the log (I7). */
export interface SourceSnapshot {
  /** Whether the snapshot provably sees this transaction; "not provably" is false. */
  sees(transaction: TransactionId): boolean;
  /** What {@link Source.sees} needs to answer for this snapshot after a restart. */
  readonly token: Json;
  /** The source's log end, read after the snapshot was taken; or, as far as it has been read by now, behind its last rows. */
  readonly logEnd: Position;
  /**
   * How long the source likes a snapshot to live, milliseconds: a chunk that takes longer goes on in another one.
   * Absent where that is all the same to it.
   */
  readonly mayLiveMs?: number;
  /**
   * Rows of a range, streamed in key order; one batch at a time. With `closes` nothing else is read in the snapshot: it
   * ends with the last row, before that is given, so that nobody's waiting keeps it open. With `lines` rows may come as
   * lines where the source has them so: those of keys for which it says the same go out of memory one behind the other,
   * and those of others at other times. So only the former may share what keeps them alive.
   */
  readChunk(shape: TableShape, range: ChunkRange, options: ChunkOptions): AsyncIterable<ChunkBatch>;
  /**
   * Full rows of some keys; a key that has no row is absent. Keys and rows as in the shape; answers are keyed by
   * `keyText`. With `keysOnly` just the key columns are read and filled (which keys exist at all).
   */
  readRows(
    shape: TableShape,
    keys: readonly Row[],
    options: { maxValueBytes: number; keysOnly?: boolean },
  ): Promise<ReadonlyMap<string, Row>>;
  /** Ends it; a second time does nothing. */
  close(): Promise<void>;
}

/** What {@link Source.prepare} made. */
export interface PreparedLog {
  /** Where the log begins when it was made now. */
  readonly start: Position;
  readonly created: boolean;
  /** Tables that are captured only from now on. */
  readonly joined: readonly TableId[];
  /** Which branch of the source's log this is, kept by the pipeline for the next time; absent where there is but one. */
  readonly history?: Json | null;
  /**
   * Up to here the log is the one of the `history` that was given; what lies behind on that one this one does not have
   * (a standby was promoted). Null where nothing parts them.
   */
  readonly branched?: Position | null;
  /**
   * The log is another server's, which has the same transactions in other places: what snapshots of the one before have told
   * means nothing here.
   */
  readonly elsewhere?: boolean;
  /**
   * What carried each table ({@link TableLook.carrier}) when it was captured; making the log may take hours after that, and
   * whoever takes a table out meanwhile and puts it back is told by the first look. Absent where nobody can.
   */
  readonly carriers?: ReadonlyMap<TableId, Json | null>;
  /** Where the log ends now: a table whose load is its log is SYNC once that is passed. Absent where tables are loaded. */
  readonly pastEnd?: Position;
}

/** What a snapshot is for, and what it has to see. */
export interface SnapshotWish {
  /**
   * Chunks and what is read like them may come from a server that follows the log's later. A `row` is waited for by
   * the lanes: it is read where changes are seen soonest.
   */
  readonly reads?: "chunk" | "row";
  /**
   * What it has to see, where the snapshot's server may be behind: opening waits for these. Whoever asked looks again
   * with {@link SourceSnapshot.sees}.
   */
  readonly transactions?: readonly TransactionId[];
  /** The same for everything that the log has up to here, DDL too. */
  readonly position?: Position;
  /** What it cannot be proven to see it does not see: changes of a table without key are applied or left out by that. */
  readonly exact?: boolean;
  readonly signal?: AbortSignal;
}

/** What a source keeps of its log for this pipeline, and for how long. */
export interface SourceRetention {
  /** From the oldest that it keeps to the end of the log. */
  readonly retainedBytes: number;
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
  /** What there is to know, before a first start, of what {@link discover} has found; no servers are asked. */
  cautions?(): readonly Finding[];
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
   * Of a source that is shared out, looked at as a whole ({@link SharedSource}), where a table is in one share alone: which one
   * that is, and the source of it, which whoever asked closes. Opens nothing.
   */
  shareOf?(table: TableShape): string;
  openShare?(share: string): Source;
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

/** Something that a shared source waits for, or does not read; see {@link SourceWait}. */
export interface SharedWait extends Omit<SourceWait, "what"> {
  readonly what: "table" | "pipeline";
  readonly table: TableId | null;
}

/**
 * A source that several processes read together (DESIGN "task"): each share is a source of its own, with its own log, and
 * a task of its own at the sink.
 */
export interface SharedSource {
  /** Shares move among processes while they run: whoever is fenced in one has lost it to another process, and no more. */
  readonly moves: boolean;
  /**
   * The shares that this process is to read from now on; again whenever they change, until `signal` aborts. The next
   * answer is asked for once everything that the last one left out has stopped: only then may another process have it.
   */
  shares(signal: AbortSignal): AsyncIterable<ReadonlySet<string>>;
  /**
   * Another process has taken this share over, which this one was to run: the next answer says whose it is. Absent where
   * shares do not move.
   */
  lost?(share: string): void;
  /** Opens nothing yet. A share's name stays what it is: state is kept under it. */
  open(share: string): Source;
  /**
   * What is known of the source as a whole, whichever share: what it looks for in vain, tables that it leaves out. Cheap:
   * asked with every `status`. Absent where there is nothing but the shares.
   */
  waits?(): readonly SharedWait[];
  /** Where each share ends now, whoever reads it. Absent where a process is given all shares. */
  ends?(): Promise<ReadonlyMap<string, Position>>;
  /** As {@link Source.comparePositions}, of any share. */
  comparePositions?(a: Position, b: Position): number;
  /** Leaves the others to the other processes. */
  close(): Promise<void>;
}
