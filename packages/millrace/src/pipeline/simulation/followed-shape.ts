import type { Json } from "../../model/position.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { compareModelPositions, modelPosition, type ModelPosition } from "./source-server.ts";

/** What a source that tells schema changes keeps with a shape: since when rows have it, and the next number of a column. */
interface ShapeFacts {
  readonly since: ModelPosition | null;
  readonly nextOrdinal: number;
}

/** The shape from this place of the log on. */
export function placed(shape: TableShape, since: ModelPosition): TableShape {
  const { nextOrdinal } = factsOf(shape);
  return { ...shape, facts: { since, nextOrdinal } };
}

/** Where rows begin to have the shape; null where it was taken from the catalogue. */
export function sinceOf(shape: TableShape): ModelPosition | null {
  return factsOf(shape).since;
}

/** Rows behind `from` have the shape. */
export function holdsAt(shape: TableShape, from: ModelPosition): boolean {
  const since = sinceOf(shape);
  return since !== null && compareModelPositions(since, from) <= 0;
}

/** A shape of the server as its catalogue tells it: columns have numbers of our own, those of the known shape by name. */
export function ofCatalogue(truth: TableShape, known: TableShape | null): TableShape {
  let nextOrdinal = known === null ? 1 : factsOf(known).nextOrdinal;
  const columns = truth.columns.map((column): Column => {
    const before = known?.columns.find(({ name }) => name === column.name);
    return { ...column, ordinal: before?.ordinal ?? nextOrdinal++ };
  });
  return { ...truth, columns, facts: { since: null, nextOrdinal } };
}

/** The known shape of `before` once a statement has made `after` of that. */
export function altered(known: TableShape, before: TableShape, after: TableShape): TableShape {
  let { nextOrdinal } = factsOf(known);
  const columns = after.columns.map((column): Column => {
    const at = before.columns.findIndex(({ ordinal }) => ordinal === column.ordinal);
    return { ...column, ordinal: known.columns[at]?.ordinal ?? nextOrdinal++ };
  });
  return { ...after, columns, facts: { since: null, nextOrdinal } };
}

/** Rows of both are written alike. */
export function fits(shape: TableShape, truth: TableShape): boolean {
  return looksOf(shape) === looksOf(truth);
}

/** Rows of both are written alike, and altered alike. */
export function isSameKept(a: TableShape, b: TableShape): boolean {
  const ordinals = ({ columns }: TableShape) => columns.map(({ ordinal }) => ordinal).join();
  return fits(a, b) && ordinals(a) === ordinals(b);
}

/** The shape with the server's own numbers: a SELECT names columns. Null where the server has no column of that name and type. */
export function byNames(shape: TableShape, now: TableShape): TableShape {
  const columns = shape.columns.map((column): Column => {
    const there = now.columns.find(({ name }) => name === column.name);
    const isSame = there?.sourceType === column.sourceType;
    return { ...column, ordinal: isSame ? (there?.ordinal ?? null) : null };
  });
  return { ...shape, columns };
}

function looksOf({ columns, key }: TableShape): string {
  return JSON.stringify([columns.map(({ name, sourceType }) => [name, sourceType]), key]);
}

function factsOf({ facts, columns }: TableShape): ShapeFacts {
  if (facts === undefined || facts === null || typeof facts !== "object" || Array.isArray(facts))
    return { since: null, nextOrdinal: columns.length + 1 };
  const { since = null, nextOrdinal } = facts as { readonly [name: string]: Json | undefined };
  return {
    since: since === null ? null : modelPosition(since),
    nextOrdinal: Number(nextOrdinal),
  };
}
