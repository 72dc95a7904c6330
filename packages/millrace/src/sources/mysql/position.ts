import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, Position } from "../../model/position.ts";

export { ordinal, Slot } from "../../change-log/event-slot.ts";

/** A group of a binlog: what lies between one GTID event (without GTIDs: one BEGIN, one statement) and its end. */
export type LogGroup = {
  /** The number at the end of the binlog file's name. */
  readonly file: number;
  /** Offset in the file where the group begins, bytes; not modulo 2^32. */
  readonly at: number;
  /**
   * Which server's files these are: grows by one whenever the pipeline goes on at another one. Files and offsets of two
   * eras cannot be compared.
   */
  readonly era: number;
  /** The how many-th group since the pipeline began it is; null where that is not known (the end of the log). */
  readonly n: number | null;
  /** Of all GTIDs before it since the pipeline began: equal sets have equal sums. Null where `n` is. */
  readonly hash: number | null;
  /** When its file was begun, seconds since 1970: another file of the same name has another time. */
  readonly made?: number;
  /** Its own GTID; absent at a boundary, behind which nobody knows what comes. */
  readonly gtid?: string;
  /** What was executed before it, as the server writes it; only in a position to begin at, where it is known. */
  readonly gtids?: string;
  /** Prepared XA transactions whose end had not come before it; only in a position to begin at. */
  readonly prepared?: readonly PreparedGroup[];
};

/** Where the rows of a prepared XA transaction are. */
export type PreparedGroup = {
  /** As in the log's `XA COMMIT` statement. */
  readonly xid: string;
  readonly file: number;
  readonly at: number;
  /** Its group's own, by which another server's log has it; absent where it has none. */
  readonly gtid?: string;
};

/**
 * A position of the log is `[group, event, row]`, compared from left to right:
 *
 * - `group`: one object that all changes of a transaction share.
 * - `event`: counts runs of rows of the group from 1 ({@link RowRuns}), of all tables, captured or not; so it is the same on
 *   every replay, and at every server. A statement that changes a table counts as one.
 * - `row`: place within the run, `4 * i + slot`, where `i` counts its rows (of a DROP of several: its tables).
 *
 * `[group, 0, 0]` is a boundary: every group that begins before it is at or before it, and nothing else. So a log is
 * always read again from `group`, whole.
 */
export type LogPosition = readonly [group: LogGroup, event: number, row: number];

/** The boundary where a group begins. */
export function boundary(group: LogGroup): LogPosition {
  return [group, 0, 0];
}

/** Reads a position that came from our own state. @throws MillraceError MR_BUG where it is none. */
export function logPosition(position: Position): LogPosition {
  if (isLogPosition(position)) return position;
  throw new MillraceError("MR_BUG", "not a position of a MySQL log");
}

/** Negative where `a` comes before `b`, 0 where they are the same. Hot: several times per change. */
export function comparePositions(a: Position, b: Position): number {
  const x = logPosition(a);
  const y = logPosition(b);
  return (x[0] === y[0] ? 0 : compareGroups(x[0], y[0])) || x[1] - y[1] || x[2] - y[2];
}

/**
 * Within an era by place; between two by number, which holds where both servers have the same groups up to there
 * (docs/design/006: the reader checks that by `hash`). A place without a number ends with its era.
 */
export function compareGroups(a: LogGroup, b: LogGroup): number {
  if (a.era === b.era) return a.file - b.file || a.at - b.at;
  if (a.n === null || b.n === null) return a.era - b.era;
  return a.n - b.n;
}

/** Unique per position, and ordered as text as the positions of an era are: fixed-width hexadecimal numbers. */
export function positionText(position: Position): string {
  const [{ era, file, at }, event, row] = logPosition(position);
  return `${hex(era, 3)}-${hex(file, 8)}-${hex(at, 13)}-${hex(event, 9)}-${hex(row, 9)}`;
}

/** Where a change is, for people: binlog file, offset of its group, row event. Null where it is no position of this source's. */
export function placeText(position: Position): string | null {
  if (!isLogPosition(position)) return null;
  const [{ file, at }, event] = position;
  return `${String(file).padStart(6, "0")}:${at} (row event ${event})`;
}

/** Hot: called for each comparison; what our own reader made passes with the first line. */
function isLogPosition(position: Position): position is Position & LogPosition {
  if (!Array.isArray(position) || position.length !== 3) return false;
  const [group, event, row] = position as readonly Json[];
  return isCount(event) && isCount(row) && isGroup(group);
}

/** The one that was looked at last: all changes of a transaction have the same. */
let looked: Json | undefined = undefined;

function isGroup(value: Json | undefined): boolean {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  if (value === looked) return true;
  const is = "file" in value && "at" in value && "era" in value && "n" in value;
  if (is) looked = value;
  return is;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}
