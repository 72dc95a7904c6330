import { MillraceError } from "../../errors/millrace-error.ts";
import type { Position } from "../../model/position.ts";

export { ordinal, Slot } from "../../change-log/event-slot.ts";

/**
 * A position of the log is `[c, l, n]`, compared from left to right:
 *
 * - `c`: LSN of the COMMIT record of the change's transaction. Transactions arrive in the order of their commits.
 * - `l`: LSN of the change itself. Within a transaction the server gives changes in this order.
 * - `n`: place among what happens at that LSN (one record may hold many rows), as `4 * i + slot`. `i` counts row
 *   events of the record, captured or not, so that it is the same on every replay; a TRUNCATE, which names many
 *   tables in one record, uses the table's oid for `i`, so that it does not depend on what is published.
 *
 * `[c, 0, 0]` is a boundary: everything whose COMMIT record begins before `c` is at or before it, and nothing else.
 * The end of a transaction is the boundary at the LSN where its COMMIT record ends; a keepalive's end of log and a
 * slot's confirmed position are boundaries too. So `c` is always what START_REPLICATION and status updates need: a
 * transaction whose COMMIT record begins at or after it is sent again, whole.
 *
 * LSNs are numbers: 2^53 bytes of log are 9 PB, and beyond that {@link lsnOf32} throws.
 */
export type LogPosition = readonly [c: number, l: number, n: number];

const WORD = 0x1_0000_0000;
/** High word of the first LSN that a number cannot hold exactly. */
const HIGH_LIMIT = 0x20_0000;

/** The boundary at an LSN. */
export function boundary(lsn: number): LogPosition {
  return [lsn, 0, 0];
}

/** Reads a position that came from our own state. @throws MillraceError MR_BUG where it is none. */
export function logPosition(position: Position): LogPosition {
  if (isLogPosition(position)) return position;
  throw new MillraceError("MR_BUG", "not a position of a PostgreSQL log");
}

/** Negative where `a` comes before `b`, 0 where they are the same. Hot: several times per change. */
export function comparePositions(a: Position, b: Position): number {
  const x = logPosition(a);
  const y = logPosition(b);
  return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
}

/** Unique per position, and ordered as text as the positions are: three fixed-width hexadecimal numbers. */
export function positionText(position: Position): string {
  const [c, l, n] = logPosition(position);
  return `${hex(c, 14)}-${hex(l, 14)}-${hex(n, 9)}`;
}

/** Where a change is, for people: as the server writes it. Null where it is no position of this source's. */
export function placeText(position: Position): string | null {
  if (!isLogPosition(position)) return null;
  const [commitLsn, lsn] = position;
  return `${formatLsn(lsn)} (commit ${formatLsn(commitLsn)})`;
}

/** The LSN to start replication from, or to acknowledge, for a position: see {@link LogPosition}. */
export function startLsn(position: Position): number {
  return logPosition(position)[0];
}

/** An LSN from its two words. @throws MillraceError MR_SOURCE_PROTOCOL beyond 2^53. */
export function lsnOf32(high: number, low: number): number {
  if (high >= HIGH_LIMIT) throw new MillraceError("MR_SOURCE_PROTOCOL", "an LSN beyond 2^53");
  return high * WORD + low;
}

/** Reads the server's text, `16/B374D848`. @throws MillraceError MR_SOURCE_PROTOCOL */
export function parseLsn(text: string): number {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) throw new MillraceError("MR_SOURCE_PROTOCOL", "an LSN that cannot be read");
  return lsnOf32(Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16));
}

/** Writes the server's text. */
export function formatLsn(lsn: number): string {
  const high = Math.floor(lsn / WORD).toString(16);
  const low = (lsn % WORD).toString(16);
  return `${high}/${low}`.toUpperCase();
}

/** Bytes of log between two positions; never negative. */
export function bytesBetween(from: Position, to: Position): number {
  return Math.max(0, startLsn(to) - startLsn(from));
}

function isLogPosition(position: Position): position is Position & LogPosition {
  if (!Array.isArray(position) || position.length !== 3) return false;
  return isCount(position[0]) && isCount(position[1]) && isCount(position[2]);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}
