import type { Position, TransactionId } from "./position.ts";
import type { TableId, TableShape } from "./table.ts";
import type { Row } from "./value.ts";

/** `r` read by INIT_SYNC, `c` created, `u` updated, `d` deleted. */
export type Op = "r" | "c" | "u" | "d";

/** The source transaction that a change belongs to; one object shared by all its changes. */
export interface Transaction {
  readonly id: TransactionId;
  /** Commit time at the source, milliseconds since 1970. */
  readonly commitTimeMs: number;
  /** Who made it, where that was the source itself: `ttl` deletes rows that have expired. */
  readonly by?: "ttl";
}

/**
 * One row event. A class, so that every change has one hidden class on the hot path.
 *
 * - `c`, `r`: `after` is the row. `d`: `before` holds at least the key columns (others may be UNCHANGED).
 * - `u`: `after` is the row, UNCHANGED where the log left values out. `before` is what the log has of the old row
 *   (null, the old key with UNCHANGED elsewhere, or the full row).
 * - An update that changed the key has `movedFrom`: the position of its delete half. Its `before` then holds the old
 *   key, and `position` is that of the upsert half; the two are distinct and ordered (I2).
 */
export class Change {
  readonly kind = "change";
  readonly op: Op;
  readonly shape: TableShape;
  readonly before: Row | null;
  readonly after: Row | null;
  /** Null only for `r` rows of a chunk: their place is the chunk's frontier. */
  readonly position: Position | null;
  readonly movedFrom: Position | null;
  readonly transaction: Transaction | null;
  /** What it weighs against the byte budget (wire size plus a constant), bytes. */
  readonly bytes: number;

  constructor(
    op: Op,
    shape: TableShape,
    before: Row | null,
    after: Row | null,
    position: Position | null,
    movedFrom: Position | null,
    transaction: Transaction | null,
    bytes: number,
  ) {
    this.op = op;
    this.shape = shape;
    this.before = before;
    this.after = after;
    this.position = position;
    this.movedFrom = movedFrom;
    this.transaction = transaction;
    this.bytes = bytes;
  }

  /** What `after` leaves out may have changed all the same. */
  get unsure(): boolean {
    return false;
  }
}

/**
 * An insert or update of a log that leaves out more than what stayed as it was: a row's defaults, computed columns. What
 * `after` leaves out only the source has (I9).
 */
export class UnsureChange extends Change {
  override get unsure(): boolean {
    return true;
  }
}

/** All rows of a table were removed at once. A barrier (I2). */
export interface Truncate {
  readonly kind: "truncate";
  readonly table: TableId;
  readonly position: Position;
  readonly transaction: Transaction | null;
}

/** From `position` on, rows of the table have this shape. A barrier (I2). */
export interface ShapeChange {
  readonly kind: "shape";
  readonly shape: TableShape;
  /** The shape that the log used before, where the source knows it. */
  readonly previous: TableShape | null;
  /**
   * Columns whose values changed without row events (added with a default, converted in place). Their table goes
   * through INIT_SYNC again (I7).
   */
  readonly rewritten: readonly string[];
  /**
   * `moved`: rows came or went without row events, so that the table is loaded again and those that it has no more are
   * looked for. `anew`: it is another table of this name, as its identity alone does not tell. Absent: neither.
   */
  readonly rows?: "moved" | "anew";
  /**
   * Beside `moved`: nothing is known to have moved. The shape was asked for where the log was opened, as that of a table that has
   * just appeared, and what the log has before that is left out.
   */
  readonly asked?: true;
  /**
   * Beside `moved`: the table was altered behind the place where the log begins, and what that did to its rows is not known.
   * Nothing that the log has is left out.
   */
  readonly altered?: true;
  /** Is made durable in its place also where no sink sees a difference: rows behind it are decoded by it. */
  readonly keep?: true;
  readonly position: Position;
  readonly transaction: Transaction | null;
}

/** The table was dropped at the source, as far as the log or the catalogue tells. */
export interface TableDropped {
  readonly kind: "dropped";
  readonly table: TableId;
  /** Where the source says so: it is there, and has this name now. */
  readonly renamedTo?: TableId;
  readonly position: Position;
  readonly transaction: Transaction | null;
}

/** What a log carries, in order. */
export type LogItem = Change | Truncate | ShapeChange | TableDropped;

/**
 * The unit that flows: items of one channel, in order, with the position after the last one. A batch without items
 * still moves the frontier (empty and filtered transactions, an idle server's keepalive; I3).
 */
export interface LogBatch {
  readonly items: readonly LogItem[];
  /** A standing: everything at or before it is in this batch or an earlier one, and it has all of the one before. */
  readonly position: Position;
  /**
   * The greatest position the source may be told to forget once `position` is durable: the end of a finished
   * transaction (I4). Null where there is none yet.
   */
  readonly acknowledge: Position | null;
  /** Commit time of the newest transaction in it, or of the server's keepalive; milliseconds since 1970, null if unknown. */
  readonly sourceTimeMs: number | null;
  /** Sum of the items' weights, bytes. */
  readonly bytes: number;
  /**
   * Tables that come next and that the log was not opened with: the run ends behind this batch, and the next one has them.
   * Only of sources whose log tells of their tables.
   */
  readonly found?: readonly TableShape[];
  /** The log has more behind it, which is read at once: who makes transactions of it may wait for that. Absent: nobody knows. */
  readonly moreComes?: boolean;
}
