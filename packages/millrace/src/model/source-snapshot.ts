import type { Change } from "./change.ts";
import type { ChunkKey, Json, Position, TransactionId } from "./position.ts";
import type { RowLine } from "./row-line.ts";
import type { TableShape } from "./table.ts";
import type { Row } from "./value.ts";

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
  /** What `Source.sees` needs to answer for this snapshot after a restart. */
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
