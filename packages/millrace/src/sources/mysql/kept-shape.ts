import type { Json } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import type { MysqlShape, Since } from "./ddl-shape.ts";
import type { LogOffset } from "./transaction-id.ts";
import { comparePositions, type LogGroup, type LogPosition } from "./position.ts";

/** The shape, from this event on. */
export function placed(
  shape: MysqlShape,
  { file, at, era, n }: LogGroup,
  event: number,
): MysqlShape {
  return { ...shape, facts: { ...shape.facts, since: { file, at, era, n, event } } };
}

/** A shape as it comes back from the sink; null where it is not one of ours. */
export function keptShape(shape: TableShape): MysqlShape | null {
  const { facts } = shape;
  if (!isObject(facts)) return null;
  const { charset, autoIncrement, nextOrdinal } = facts;
  if (!isTextOrNull(charset) || !isTextOrNull(autoIncrement)) return null;
  if (typeof nextOrdinal !== "number") return null;
  const { since } = facts;
  const known = { charset, autoIncrement, nextOrdinal };
  return { ...shape, facts: isSince(since) ? { ...known, since } : known };
}

/** Where rows begin to have the shape; null where that is not known, because it was taken from the catalogue. */
export function sinceOf({ facts }: MysqlShape): LogPosition | null {
  if (facts.since === undefined) return null;
  const { event, ...group } = facts.since;
  return [{ ...group, hash: null }, event, 0];
}

/** The first boundary from which on a shape holds; null where its place is not known. */
export function behindSince(shape: MysqlShape): LogOffset | null {
  const since = sinceOf(shape);
  if (since === null) return null;
  const [{ file, at }, event] = since;
  return { file, at: event === 0 ? at : at + 1 };
}

/** The shape's place is one of another server's log, and cannot be held against this one. */
export function isElsewhere(shape: MysqlShape, from: LogPosition): boolean {
  const [since] = sinceOf(shape) ?? from;
  return since.era !== from[0].era && (since.n === null || !holdsAt(shape, from));
}

/** Rows behind `from` have the shape. */
export function holdsAt(shape: MysqlShape, from: LogPosition): boolean {
  const since = sinceOf(shape);
  return since !== null && comparePositions(since, from) <= 0;
}

/**
 * The catalogue's shape with the ordinals that the known one has: a column is the one of its name. What was renamed
 * meanwhile counts as new, and is loaded like all of the table.
 */
export function reconciled(now: MysqlShape, known: MysqlShape | null): MysqlShape {
  if (known === null) return now;
  let { nextOrdinal } = known.facts;
  const columns = now.columns.map((column) => {
    const before = known.columns.find(({ name }) => name === column.name);
    if (before !== undefined && before.ordinal !== null)
      return { ...column, ordinal: before.ordinal };
    nextOrdinal += 1;
    return { ...column, ordinal: nextOrdinal - 1 };
  });
  return { ...now, columns, facts: { ...now.facts, nextOrdinal } };
}

/** Rows of both are decoded alike, and altered alike. */
export function isSameKept(a: MysqlShape, b: MysqlShape): boolean {
  return keptText(a) === keptText(b);
}

function keptText({ columns, key, facts: { charset, autoIncrement } }: MysqlShape): string {
  const told = columns.map(({ name, sourceType, nullable, ordinal, generated = false }) => [
    name,
    sourceType,
    nullable,
    ordinal,
    generated,
  ]);
  return JSON.stringify([told, key, charset, autoIncrement]);
}

function isSince(value: Json | undefined): value is Since {
  return (
    isObject(value) &&
    ["file", "at", "era", "event"].every((name) => typeof value[name] === "number") &&
    (value["n"] === null || typeof value["n"] === "number")
  );
}

function isTextOrNull(value: Json | undefined): value is string | null {
  return value === null || typeof value === "string";
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
