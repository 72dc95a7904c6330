import type { Op, Transaction } from "./change.ts";
import type { DeadLetter } from "./dead-letter.ts";
import type { Predecessor } from "./holder.ts";
import type { InitSync } from "./init-sync.ts";
import type { Json, Position } from "./position.ts";
import type { LoggedChange } from "./logged-change.ts";
import type { RowLine } from "./row-line.ts";
import type { TableId, TableShape, TargetTable } from "./table.ts";
import type { Row } from "./value.ts";

/** What a sink can and cannot do. The pipeline goes by these, never by the sink's kind. */
export interface SinkCapabilities {
  /** Data, checkpoint and lane row become durable together. */
  readonly transactional: boolean;
  /** How many lanes may write at once; 1 for a sink with one commit lane (Kafka). */
  readonly maxLanes: number;
  /** Rows mutated by one transaction, the lane's own rows included. */
  readonly maxRowsPerCommit: number;
  /** Short rows of loads that stay bytes: so many of them go in one transaction, where the file asks for no other number; see {@link linesPerCommit}. */
  readonly linesPerCommit?: number;
  /** Bytes of one transaction by the sink's own estimate ({@link Sink.estimateBytes}), with its margin taken off. */
  readonly maxBytesPerCommit: number;
  /** A value larger than this can never be written, bytes. */
  readonly maxValueBytes: number;
  /** The last write of a key in a batch may stand for all (tables); false where every change matters (logs). */
  readonly lastWriteWins: boolean;
  /** It can keep a column's old value (UPDATE of some columns); else UNCHANGED must be read from the source. */
  readonly partialUpdates: boolean;
  /** It writes new rows of tables from the lines of COPY, so that a load need not make values of them. */
  readonly takesLines?: boolean;
  /** It writes rows of loads from packets ({@link LineLayout}), so that a load need not make values of them. */
  readonly takesPackets?: boolean;
  /** It writes changes from the bytes that a log has of them ({@link LoggedChange}), so that nobody need make values of them. */
  readonly takesImages?: boolean;
}

/** One key of the state that a pipeline keeps at its sink, such as `frontier/log` or `table/shop.orders`. */
export interface StateEntry {
  readonly key: string;
  /** Null deletes. */
  readonly value: Json | null;
}

/** What a task of a pipeline keeps under a key. */
export interface TaskDocument {
  readonly task: string;
  readonly key: string;
  readonly value: Json;
}

/** The lane row that a commit writes: compare-and-set on (fence, seq). */
export interface LaneStamp {
  readonly lane: number;
  /** `seq` as the task knows it before this commit; the commit makes it `expectedSeq + 1`. */
  readonly expectedSeq: number;
}

/** What one commit does to data, in order. Rows are in the target's column order. */
export type Write =
  /**
   * Full rows, each key at most once. `fresh` says that the source inserted all of them, or that they were loaded: most
   * likely none is there yet. A hint and no promise; rows that are there all the same are replaced. `lines` are the same
   * rows, as long as nobody asks for `rows` cheaper to have.
   */
  | {
      readonly kind: "upsert";
      readonly table: TargetTable;
      readonly rows: readonly Row[];
      readonly fresh?: boolean;
      readonly lines?: readonly RowLine[];
    }
  /** Columns `columns` of existing rows, each key at most once; `rows` hold key columns and those. */
  | {
      readonly kind: "update";
      readonly table: TargetTable;
      readonly columns: readonly number[];
      readonly rows: readonly Row[];
    }
  /** Rows by key; `keys` are full-width rows of which only key columns are looked at. A missing row is fine. */
  | { readonly kind: "delete"; readonly table: TargetTable; readonly keys: readonly Row[] }
  /** One row under a new key: `row` may hold UNCHANGED, taken from the row of the old key, which is deleted. */
  | { readonly kind: "move"; readonly table: TargetTable; readonly from: Row; readonly row: Row }
  /** Rows of a table without key: always new. */
  | { readonly kind: "insert"; readonly table: TargetTable; readonly rows: readonly Row[] }
  /** One row of a table without key that equals `row` in every column but `_millrace_key`; null-safe. */
  | { readonly kind: "delete-equal"; readonly table: TargetTable; readonly row: Row }
  /** Every change in order, for sinks where each one matters (`lastWriteWins: false`); rows in the target's columns. */
  | { readonly kind: "changes"; readonly changes: readonly TargetChangeEvent[] }
  /** Something that concerns a whole table, for sinks where each change matters. */
  | { readonly kind: "mark"; readonly mark: TargetMark }
  /** At most `maxRows` rows of the table, whichever; the answer says how many. */
  | { readonly kind: "delete-some"; readonly table: TargetTable; readonly maxRows: number };

/** One change as a log-like sink gets it. */
export interface TargetChangeEvent {
  readonly table: TargetTable;
  readonly op: Op;
  /** Canonical key text. */
  readonly key: string;
  readonly before: Row | null;
  readonly after: Row | null;
  /** Of a row of a load, as its source wrote it; `after` is made of it each time that somebody asks. Else absent. */
  readonly line?: RowLine;
  /** Of a change whose rows are a log's bytes still; `before` and `after` are made of them each time. Else absent. */
  readonly logged?: LoggedChange;
  readonly position: Position | null;
  readonly transaction: Transaction | null;
  /** The source's table. */
  readonly source: TableId;
  /**
   * Of a half of a key change: the row of the other half, of which only the key counts. A delete (of the old key) has the
   * new row here, an update (to the new key) the old one. Else null.
   */
  readonly counterpart: Row | null;
  /** How its table's INIT_SYNC stood when the change was made ready for the sink. Absent where no task of a table made it. */
  readonly initSync?: InitSync;
}

/** What a log-like sink tells its readers of a whole table. */
export interface TargetMark {
  /**
   * `truncate`: all rows of the source's table were removed at once. `generation-end`: a load has brought all rows that
   * there are; who has older ones may forget them.
   */
  readonly kind: "truncate" | "generation-end";
  readonly table: TargetTable;
  readonly source: TableId;
  readonly position: Position | null;
  readonly transaction: Transaction | null;
  /** When the load of `generation-end` began, milliseconds since 1970; else null. */
  readonly generation: number | null;
}

/** One transaction of one lane (or of several, for barriers and key changes). All of it becomes durable, or nothing. */
export interface Commit {
  readonly fence: number;
  readonly lanes: readonly LaneStamp[];
  readonly writes: readonly Write[];
  readonly state: readonly StateEntry[];
  readonly deadLetters: readonly DeadLetter[];
  /** Dead letters of these (target, key) are gone: a later full change took their place, or they were replayed. */
  readonly superseded: readonly { readonly target: TableId; readonly key: string }[];
  /** No change comes any more of the source transaction that the last change is of. Absent: that is not known. */
  readonly endsTransaction?: boolean;
  /** What its sink is too slow for comes again in pieces. Absent: its writer cannot cut it, and sends it again as it is. */
  readonly divisible?: true;
  /**
   * What will most likely be the first write of the commit behind this one, as soon as all of it is there; null where this one
   * ends before. A sink may ask once it only waits for answers, and make messages of it; nothing of it may be sent before a
   * commit brings the same object, which may never come.
   */
  readonly next?: () => Promise<Write | null>;
}

/** Something at the sink that commits wait for; `status` and the log of the process say it in these words. */
export interface SinkWait {
  /** A short name that stays, for metrics. */
  readonly reason: string;
  /** A sentence without its end, as what follows "waits:". */
  readonly why: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/**
 * How a commit ended, when it ended for sure. `missing`: rows of an `update` or a `move` that the sink does not have
 * (index into `writes`, index of the row); nothing was written then.
 */
export type CommitResult =
  | { readonly outcome: "done"; readonly deletedSome: number }
  | {
      readonly outcome: "missing";
      readonly rows: readonly { readonly write: number; readonly row: number }[];
    };

/** A lane row as it stands at the sink. */
export interface LaneRow {
  readonly lane: number;
  readonly fence: number;
  readonly seq: number;
}

/** What a task finds after it has raised the fence (I5). */
export interface Takeover {
  readonly fence: number;
  readonly lanes: readonly LaneRow[];
  /** All state of the pipeline, read after the takeover was durable. */
  readonly state: ReadonlyMap<string, Json>;
  readonly deadLetters: readonly DeadLetter[];
  /** Who had the task until now and may be at work still; absent or null where there is nobody, or no sink tells. */
  readonly from?: Predecessor | null;
}

/** A change of a target table's shape, to be made true idempotently by comparing with the catalogue (barrier). */
export type TargetChange =
  | { readonly kind: "create"; readonly table: TargetTable }
  /** Makes the target's columns those of `table`: adds what is missing, renames, drops by way of `_dropped_<tag>`. */
  | {
      readonly kind: "alter";
      readonly table: TargetTable;
      readonly renames: readonly { readonly from: string; readonly to: string }[];
      readonly drops: readonly string[];
      /** Columns that are dropped and added anew because their type changed. */
      readonly replaces: readonly string[];
      /** Unique per barrier; part of the name under which a dropped column is put away first. */
      readonly tag: string;
    }
  /** Renamed to `_dropped_<tag>` first, which fails where that was done already: a zombie drops nothing newer. */
  | { readonly kind: "drop"; readonly table: TargetTable; readonly tag: string };

/** Where the schema change behind a {@link TargetChange} stands in its source's log. */
export interface ChangePlace {
  readonly position: Position;
  /** Null where it is not known, or where the catalogue told of it. */
  readonly transaction: Transaction | null;
}

/** What {@link Sink.checkTable} found. */
export interface TargetCheck {
  readonly created: boolean;
  /** Worth knowing, no hindrance. */
  readonly notices: readonly string[];
  /** The one of them that is about columns which only the target has: of a table that several tasks bring, they are another one's. */
  readonly ownColumns?: string;
  /**
   * The target has unique constraints besides its key: whether it takes a row depends on rows of other keys, whose
   * order is kept only within one lane.
   */
  readonly secondaryUnique: boolean;
  /** Targets that its foreign keys point at. */
  readonly parents?: readonly TableId[];
  /** A row cannot be deleted and inserted anew without loss: foreign keys point at it, or it has columns of its own. */
  readonly irreplaceable?: boolean;
}

/** Which tables targets are, whatever they are called. */
export interface TargetIdentities {
  /** What the state lies in: where it is another one than before, all was moved together, and ids were given anew. */
  readonly home: string;
  /** By target, never given twice; a target that is not there is left out. Empty: it is there, and nobody gives it one. */
  readonly ids: ReadonlyMap<TableId, string>;
}

/** Key ranges of a target table, for ghosts and verify: rows by key text. */
export interface KeyPage {
  readonly keys: readonly Row[];
  readonly done: boolean;
}

/**
 * A sink connector. It rejects with MillraceErrors whose class says what to do; a failure inside {@link Sink.commit}
 * that is not `unknown-outcome` means that the transaction certainly did not happen by this call, though an earlier
 * unknown COMMIT of the same batch may still land.
 */
export interface Sink {
  readonly kind: string;
  readonly capabilities: SinkCapabilities;
  /** Pure: what a target is called at the sink, where that is not its own name: its topic. */
  placeOf?(target: TargetTable): string;
  /** Pure: the target table for a source table under a target name. */
  mapTable(shape: TableShape, target: { schema: string; name: string }): TargetTable;
  /** Pure: what a row weighs in a transaction of this sink, bytes. On the hot path. */
  estimateBytes(table: TargetTable, row: Row): number;
  /** Opens connections and makes the state tables where they are missing. */
  open(): Promise<void>;
  /**
   * Raises the fence over all lane rows in one transaction, makes lane rows up to `lanes`, then reads state (I5). A sink
   * object stands for one process: once it has taken over, it does so again only while no other one did since.
   * @throws MillraceError MR_FENCED, by a look in that same transaction.
   */
  takeOver(task: { pipeline: string; task: string; lanes: number }): Promise<Takeover>;
  /**
   * Who has taken over last, in words for the operator, which are empty where it left no name; null where nobody has since the
   * state was taken away. Absent where the sink cannot tell.
   */
  holder?(): Promise<string | null>;
  /** It has to tell something with its next transaction, as a heartbeat, and wants one though there may be nothing to write. */
  isDue?(): boolean;
  /** What holds commits up right now. Cheap: asked with every `status`. Absent where nobody can tell. */
  waits?(): readonly SinkWait[];
  /** The lane rows as they stand; decides an unknown outcome (I6). */
  readLanes(): Promise<readonly LaneRow[]>;
  /** Sends one transaction. One at a time per lane; different lanes at once. */
  commit(commit: Commit): Promise<CommitResult>;
  /**
   * Compares the target with the catalogue: creates it where it is missing and allowed, says what does not fit.
   * @throws MillraceError MR_SINK_SCHEMA naming every column that does not fit.
   */
  checkTable(table: TargetTable, create: "if-missing" | "never"): Promise<TargetCheck>;
  /**
   * What {@link Sink.checkTable} would say of each, of all at once: only of those that are there and fit, and that
   * nothing has to be done to. Absent where a look at one costs nothing.
   */
  checkPresent?(tables: readonly TargetTable[]): Promise<ReadonlyMap<TargetTable, TargetCheck>>;
  /**
   * Adds the columns that a target lacks, where nothing else of it does not fit, and tells their names: none where the target is not
   * there or something else does not fit, and nothing is touched then. Absent where columns are not added (logs).
   */
  addColumns?(table: TargetTable): Promise<readonly string[]>;
  /**
   * Which table each target is now; nothing is touched. Tells that somebody has dropped one, or made it anew (I8). One of
   * `written` was there before: where servers learn one after the other what there is, it is not there only once all have
   * had the time. Absent where nobody can tell.
   */
  identifyTargets?(
    tables: readonly TargetTable[],
    written: ReadonlySet<TableId>,
  ): Promise<TargetIdentities>;
  /**
   * Makes the pipeline an owner of exactly these targets: claims what is new, lets go of what it had before. A target
   * has one owner, or several that all say `shared`. With `keep` what it had before stays its own: one of several tasks of a
   * pipeline does not know what the others have. Called after {@link Sink.takeOver} and before any target is
   * touched. Absent where pipelines cannot meet.
   * @throws MillraceError MR_TARGET_OWNED naming every target that another pipeline has; nothing is claimed then.
   */
  claimTargets?(
    targets: readonly TableId[],
    shared: boolean,
    others?: "let-go" | "keep",
  ): Promise<void>;
  /** Acts idempotently; called between a barrier's intent and its end. `place`: absent where no log tells of the change. */
  applyChange(change: TargetChange, place?: ChangePlace): Promise<void>;
  /**
   * What {@link Sink.applyChange} has put away for this change goes, if it is certain that no statement of its may still
   * come. Called once the barrier's end is durable, by the run that wrote its intent, while nothing else is written; what
   * is left goes when a start checks the table. Never rejects for what the sink says. Absent where nothing is put away.
   */
  finishChange?(change: TargetChange): Promise<void>;
  /**
   * Keys that the target has in the key range (`from`, `to`], in the target's key order; for ghosts of a resync. Rows
   * are full-width with only key columns filled. Optional: sinks that cannot read have none.
   */
  readKeys?(table: TargetTable, after: Row | null, limit: number): Promise<KeyPage>;
  /**
   * The dead letters of a task as they stand: only a look, without {@link Sink.open} and {@link Sink.takeOver}, beside
   * a task that runs; none where the pipeline never ran. Absent where nobody but the task can look.
   */
  readDeadLetters?(task: { pipeline: string; task: string }): Promise<readonly DeadLetter[]>;
  /**
   * What all tasks of a pipeline keep under keys that begin with `prefix`: only a look, beside those that run. Absent where a
   * pipeline has but one task.
   */
  readDocuments?(pipeline: string, prefix: string): Promise<readonly TaskDocument[]>;
  /** Tasks of a pipeline whose dead letters can be read so. Absent where there is but the one of a pipeline. */
  readTasks?(pipeline: string): Promise<readonly string[]>;
  close(): Promise<void>;
}
