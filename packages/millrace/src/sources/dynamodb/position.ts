import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, Position } from "../../model/position.ts";
import { BEGIN, compareSequences, END } from "./sequence.ts";
import { openedMs } from "./shard-id.ts";

/** Where a change of a shard stands: the shard, and the record's sequence number. */
export type ChangePosition = readonly ["c", shard: string, sequence: string];

/** That something is missing at the sink: `on-loss: continue` went on without, or a start was asked for at a time too long ago. */
export type Gap = {
  /** When it was found, milliseconds since 1970. */
  readonly timeMs: number;
  readonly why: string;
};

/**
 * What has been read of a table's stream (design/008): of each shard that is named so far as is said. A shard that is not named
 * is read to its end where it was opened at or before `done`, and not begun where it was opened later. So ended shards need
 * no name for long, and a standing stays small.
 *
 * A log end is a standing with a time alone: a stream tells nobody where it ends.
 */
export type Standing = {
  readonly shards: Readonly<Record<string, string>>;
  /** Every record of a change that was made before this is read; the service's clock, milliseconds since 1970. */
  readonly timeMs: number;
  readonly done: number;
  /** Null where only the service's time is told, or places of some shards (the join of two changes). */
  readonly arn: string | null;
  readonly tableId: string | null;
  /** Records before this are left out: where a start was asked for at a time. */
  readonly sinceMs?: number;
  /** When the log was begun, by the service's clock: no scan that came with it can have begun later. */
  readonly begunMs?: number;
  readonly gap?: Gap;
  /** Parents that no listing showed when their children were begun: where one turns up, its records are missed (I8). */
  readonly passedBy?: readonly string[];
  /** Shards that are read though children of theirs were: late ones that `on-loss: continue` goes on with. */
  readonly late?: readonly string[];
};

/** A log end: everything that was changed before this time. */
export function logEndAt(timeMs: number): Position {
  return { timeMs };
}

/** Where a change stands. */
export function changeAt(shard: string, sequence: string): ChangePosition {
  return ["c", shard, sequence];
}

/** What was looked at whole already: it is asked for per change. */
const known = new WeakSet<object>();

/** The standing that a position is; a change's is one of its shard alone. @throws MillraceError MR_BUG where state holds something else. */
export function parseStanding(position: Position): Standing {
  const change = asChange(position);
  if (change !== null) return standingOf(change);
  if (typeof position !== "object" || position === null) throw unknownPosition();
  if (isKnown(position)) return position;
  const filled: object = Object.assign({ shards: {}, done: 0, arn: null, tableId: null }, position);
  if (!isStanding(filled)) throw unknownPosition();
  if (!isStanding(position)) return filled;
  known.add(position);
  return position;
}

/** See {@link Position}. A standing is kept as it is. */
export function toPosition(standing: Standing): Position {
  known.add(standing);
  return standing;
}

/**
 * Not negative where `a` has all of `b`, zero where `b` has all of `a` too. Of two that have not all of one another neither
 * is later: negative, whichever is asked.
 */
export function comparePositions(a: Position, b: Position): number {
  if (a === b) return 0;
  const change = asChange(b);
  if (change !== null) return compareWithChange(a, change);
  const [one, other] = [parseStanding(a), parseStanding(b)];
  if (!hasAll(one, other)) return -1;
  return hasAll(other, one) ? 0 : 1;
}

/** Hot: per change while a log is replayed. */
function compareWithChange(a: Position, place: ChangePosition): number {
  const [, shard, sequence] = place;
  const change = asChange(a);
  if (change !== null) return change[1] === shard ? compareSequences(change[2], sequence) : -1;
  const standing = parseStanding(a);
  const order = compareSequences(placeIn(standing, shard), sequence);
  if (order !== 0) return order < 0 ? -1 : 1;
  return hasAll(standingOf(place), standing) ? 0 : 1;
}

/**
 * The least standing that has this one and all of the places. `standing` itself where it has them, or one of them that has all.
 * Hot: per commit of a lane, with the changes of that commit; shards are copied once.
 */
export function joinPositions(standing: Position, places: readonly Position[]): Position {
  let whole = parseStanding(standing);
  let moved: Record<string, string> | null = null;
  for (const place of places) {
    const change = asChange(place);
    if (change === null) {
      if (moved !== null) whole = { ...whole, shards: moved };
      moved = null;
      whole = joined(whole, parseStanding(place));
      continue;
    }
    const [, shard, sequence] = change;
    const read = moved?.[shard] ?? placeIn(whole, shard);
    if (compareSequences(read, sequence) >= 0) continue;
    moved ??= { ...whole.shards };
    moved[shard] = sequence;
  }
  return toPosition(moved === null ? whole : { ...whole, shards: moved });
}

/** Text that is unique and stable per position. */
export function positionText(position: Position): string {
  const change = asChange(position);
  return change === null ? JSON.stringify(position) : `${change[1]}/${change[2]}`;
}

/** For people: a standing names hundreds of shards, and status tells a standing for each table. */
export function shownPosition(position: Position): Json {
  const { shards, timeMs, arn, gap } = parseStanding(position);
  const places = Object.values(shards);
  const ended = places.filter((place) => place === END).length;
  const waiting = places.filter((place) => place === BEGIN).length;
  const counts = { ended, begun: places.length - ended - waiting, waiting };
  return { stream: arn, timeMs, shards: counts, ...(gap === undefined ? {} : { gap }) };
}

/** How far a standing has read a shard. */
export function placeIn({ shards, done }: Standing, shard: string): string {
  return shards[shard] ?? (openedMs(shard) <= done ? END : BEGIN);
}

function standingOf([, shard, sequence]: ChangePosition): Standing {
  return { shards: { [shard]: sequence }, timeMs: 0, done: 0, arn: null, tableId: null };
}

function hasAll(a: Standing, b: Standing): boolean {
  if (a.arn !== b.arn && a.arn !== null && b.arn !== null) return compareArns(a.arn, b.arn) > 0;
  if (a.timeMs < b.timeMs || a.done < b.done) return false;
  if (a.shards === b.shards) return true;
  for (const shard in b.shards) {
    const place = b.shards[shard] ?? BEGIN;
    if (place !== BEGIN && compareSequences(placeIn(a, shard), place) < 0) return false;
  }
  for (const shard in a.shards) {
    if (a.shards[shard] === END || b.shards[shard] !== undefined) continue;
    if (openedMs(shard) <= b.done) return false;
  }
  return true;
}

/** A later stream begins with the whole table: what came of an earlier one is in that. */
function joined(a: Standing, b: Standing): Standing {
  if (a === b || hasAll(a, b)) return a;
  if (hasAll(b, a)) return b;
  if (a.arn !== b.arn && a.arn !== null && b.arn !== null)
    return compareArns(a.arn, b.arn) > 0 ? a : b;
  const done = Math.max(a.done, b.done);
  const shards: Record<string, string> = {};
  for (const shard of new Set([...Object.keys(a.shards), ...Object.keys(b.shards)])) {
    const [one, other] = [placeIn(a, shard), placeIn(b, shard)];
    const place = compareSequences(one, other) < 0 ? other : one;
    if (place !== END || openedMs(shard) > done) shards[shard] = place;
  }
  const [sinceMs, gap] = [a.sinceMs ?? b.sinceMs, laterGap(a.gap, b.gap)];
  const begunMs = Math.min(a.begunMs ?? Infinity, b.begunMs ?? Infinity);
  const passedBy = [...new Set([...(a.passedBy ?? []), ...(b.passedBy ?? [])])];
  const late = [...new Set([...(a.late ?? []), ...(b.late ?? [])])];
  return {
    shards,
    timeMs: Math.max(a.timeMs, b.timeMs),
    done,
    arn: a.arn ?? b.arn,
    tableId: a.tableId ?? b.tableId,
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(begunMs === Infinity ? {} : { begunMs }),
    ...(gap === undefined ? {} : { gap }),
    ...(passedBy.length === 0 ? {} : { passedBy }),
    ...(late.length === 0 ? {} : { late }),
  };
}

function laterGap(a: Gap | undefined, b: Gap | undefined): Gap | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.timeMs < b.timeMs ? b : a;
}

/** `arn:…:table/orders/stream/2026-11-22T10:08:04.123`: streams of a table follow one another by their labels. */
function compareArns(a: string, b: string): number {
  const [one, other] = [labelOf(a), labelOf(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Of a stream: its last part, on AWS the time at which it was made. */
export function labelOf(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

function asChange(position: Position): ChangePosition | null {
  if (!Array.isArray(position)) return null;
  const [kind, shard, sequence, ...rest] = position as readonly unknown[];
  if (kind !== "c" || typeof shard !== "string" || typeof sequence !== "string" || rest.length > 0)
    throw unknownPosition();
  return position as readonly unknown[] as ChangePosition;
}

function isKnown(position: object): position is Standing {
  return known.has(position);
}

function isStanding(position: object): position is Standing {
  const { shards, timeMs, done, arn, tableId }: { readonly [name in keyof Standing]?: unknown } =
    position;
  return (
    typeof timeMs === "number" &&
    typeof done === "number" &&
    isTextOrNull(arn) &&
    isTextOrNull(tableId) &&
    typeof shards === "object" &&
    shards !== null &&
    Object.values(shards).every((place) => typeof place === "string")
  );
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function unknownPosition(): MillraceError {
  return new MillraceError("MR_BUG", "this is no position in a table's stream");
}
