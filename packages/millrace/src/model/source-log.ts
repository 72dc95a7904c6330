import type { LogBatch } from "./change.ts";
import type { InitSync } from "./init-sync.ts";
import type { Json, Position } from "./position.ts";
import type { TableId, TableShape } from "./table.ts";

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
  /** The sink writes rows from a log's bytes: changes may be {@link LoggedChange}s. Absent: their values are needed. */
  readonly images?: boolean;
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

/** What `Source.prepare` made. */
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
   * What carried each table (`TableLook.carrier`) when it was captured; making the log may take hours after that, and
   * whoever takes a table out meanwhile and puts it back is told by the first look. Absent where nobody can.
   */
  readonly carriers?: ReadonlyMap<TableId, Json | null>;
  /** Where the log ends now: a table whose load is its log is SYNC once that is passed. Absent where tables are loaded. */
  readonly pastEnd?: Position;
}
