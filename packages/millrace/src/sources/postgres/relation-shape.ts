import type { LogicalType } from "../../model/logical-type.ts";
import { tableId, type Column, type TableShape } from "../../model/table.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";

/**
 * The shape of a table at one place of its log, from three witnesses: the Relation message (true at that place, but
 * without attnums, nullability and defaults), the shape that was known before that place, and the catalogue as it is
 * now, later than that place.
 *
 * A rename keeps a column's attnum, a column made anew has a new one. Where the witnesses leave it open which of the
 * two happened, the column counts as new, with an unknown attnum, and is loaded again: that costs time, and a wrong
 * guess would keep the values of another column.
 */
export interface ResolvedShape {
  /** The known shape itself where nothing changed, so that it can be compared by identity. */
  readonly shape: TableShape;
  /** Columns whose values changed, or may have changed, without row events. */
  readonly rewritten: readonly string[];
}

/** A type as the catalogue spells it. */
export interface ResolvedType {
  readonly type: LogicalType;
  readonly sourceType: string;
}

/** What the catalogue says of a table now. */
export interface CatalogueState {
  /** Null where the table is gone. */
  readonly shape: TableShape | null;
  /** Attnums of all columns that ever were, dropped ones too. */
  readonly attnums: readonly number[];
  /** Attnums of columns that may have given a value to rows that were there before them. */
  readonly filled: ReadonlySet<number>;
}

/** Finds out how a table looks at a Relation message; asks the catalogue. */
export type ShapeOf = (
  relation: RelationMessage,
  known: TableShape | null,
) => Promise<ResolvedShape>;

/** Puts the witnesses together. `types` are those of the Relation message's columns, null where they are gone. */
export function resolveShape(
  relation: RelationMessage,
  types: readonly (ResolvedType | null)[],
  known: TableShape | null,
  catalogue: CatalogueState,
): ResolvedShape {
  const spelled = relation.columns.map((column, index): ResolvedType => {
    const gone = `oid ${column.typeOid}`;
    const before = known?.columns.find(({ name }) => name === column.name);
    return types[index] ?? before ?? { type: { kind: "other", name: gone }, sourceType: gone };
  });
  const ordinals = ordinalsOf(relation, spelled, known, catalogue);
  const columns = relation.columns.map(({ name }, index) =>
    columnOf(name, spelled[index], ordinals[index] ?? null, known, catalogue.shape),
  );
  const shape: TableShape = {
    id: tableId(relation.schema, relation.name),
    schema: relation.schema,
    name: relation.name,
    identity: String(relation.oid),
    columns,
    key: keyOf(relation, columns, known, catalogue.shape),
  };
  if (known !== null && isSameShape(shape, known)) return { shape: known, rewritten: [] };
  return { shape, rewritten: rewrittenColumns(shape, known, catalogue.filled) };
}

function columnOf(
  name: string,
  spelled: ResolvedType | undefined,
  ordinal: number | null,
  known: TableShape | null,
  now: TableShape | null,
): Column {
  const { type, sourceType } = spelled ?? {
    type: { kind: "other", name: "unknown" },
    sourceType: "unknown",
  };
  const before = byOrdinal(known, ordinal);
  const later = byOrdinal(now, ordinal);
  // A column is NOT NULL here only if it was so before: the catalogue may speak of a later SET NOT NULL.
  const nullable =
    known === null
      ? (later?.nullable ?? true)
      : (before?.nullable ?? true) || (later?.nullable ?? false);
  const column = { name, type, sourceType, nullable, ordinal };
  return (later ?? before)?.generated === true ? { ...column, generated: true } : column;
}

function byOrdinal(shape: TableShape | null, ordinal: number | null): Column | undefined {
  return ordinal === null ? undefined : shape?.columns.find((column) => column.ordinal === ordinal);
}

/** Attnums of the Relation message's columns, which are in order of attnum; null where they are not sure. */
function ordinalsOf(
  relation: RelationMessage,
  spelled: readonly ResolvedType[],
  known: TableShape | null,
  catalogue: CatalogueState,
): (number | null)[] {
  const now = relation.columns.map(({ name }, index) =>
    ordinalByName(catalogue.shape, name, spelled[index]?.sourceType),
  );
  if (isIncreasing(now)) return now;
  const guesses = relation.columns.map(({ name }, index) => {
    const before = known?.columns.find((column) => column.name === name)?.ordinal ?? null;
    const later = catalogue.shape?.columns.find((column) => column.name === name)?.ordinal ?? null;
    return (
      now[index] ??
      (before === null || later === null || before === later ? (before ?? later) : null)
    );
  });
  return fillGaps(keepIncreasing(guesses), catalogue.attnums);
}

function ordinalByName(
  shape: TableShape | null,
  name: string,
  sourceType: string | undefined,
): number | null {
  const found = shape?.columns.find(
    (column) => column.name === name && column.sourceType === sourceType,
  );
  return found?.ordinal ?? null;
}

function isIncreasing(ordinals: readonly (number | null)[]): boolean {
  return ordinals.every(
    (ordinal, index) => ordinal !== null && ordinal > (ordinals[index - 1] ?? 0),
  );
}

/** Takes back guesses that contradict each other. */
function keepIncreasing(guesses: readonly (number | null)[]): (number | null)[] {
  return guesses.map((guess, index) => {
    if (guess === null) return null;
    const before = guesses.slice(0, index).every((other) => other === null || other < guess);
    const after = guesses.slice(index + 1).every((other) => other === null || other > guess);
    return before && after ? guess : null;
  });
}

/** A run of unknown columns that fits exactly into the attnums between its neighbours has these. */
function fillGaps(
  ordinals: readonly (number | null)[],
  attnums: readonly number[],
): (number | null)[] {
  const filled = [...ordinals];
  for (let start = 0; start < filled.length; start += 1) {
    if (filled[start] !== null) continue;
    let stop = start;
    while (stop < filled.length && filled[stop] === null) stop += 1;
    const low = filled[start - 1] ?? 0;
    const high = filled[stop] ?? Number.POSITIVE_INFINITY;
    const free = attnums.filter((attnum) => attnum > low && attnum < high);
    if (free.length === stop - start) filled.splice(start, free.length, ...free);
    start = stop;
  }
  return filled;
}

/**
 * The key: the replica identity's columns where the message tells them, in the catalogue's order of them; with
 * FULL (all are flagged) or NOTHING that of the catalogue, or the one known before.
 */
function keyOf(
  relation: RelationMessage,
  columns: readonly Column[],
  known: TableShape | null,
  now: TableShape | null,
): number[] {
  const candidates = [now, known].map((shape) => (shape === null ? null : keyIn(shape, columns)));
  if (relation.replicaIdentity === "d" || relation.replicaIdentity === "i") {
    const flagged = relation.columns.flatMap((column, index) => (column.isKey ? [index] : []));
    return candidates.find((key) => key !== null && isSameSet(key, flagged)) ?? flagged;
  }
  return candidates.find((key) => key !== null) ?? [];
}

/** The key of another shape of the same table in these columns; null where one of its columns is not among them. */
function keyIn(shape: TableShape, columns: readonly Column[]): number[] | null {
  const key = shape.key.map((index) => {
    const ordinal = shape.columns[index]?.ordinal ?? null;
    return ordinal === null ? -1 : columns.findIndex((column) => column.ordinal === ordinal);
  });
  return key.includes(-1) ? null : key;
}

function isSameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((index) => b.includes(index));
}

function isSameShape(a: TableShape, b: TableShape): boolean {
  return (
    a.id === b.id &&
    a.identity === b.identity &&
    a.key.join() === b.key.join() &&
    a.columns.length === b.columns.length &&
    a.columns.every((column, index) => isSameColumn(column, b.columns[index]))
  );
}

function isSameColumn(a: Column, b: Column | undefined): boolean {
  return (
    a.name === b?.name &&
    a.sourceType === b.sourceType &&
    a.nullable === b.nullable &&
    a.ordinal === b.ordinal &&
    (a.generated ?? false) === (b.generated ?? false)
  );
}

function rewrittenColumns(
  shape: TableShape,
  known: TableShape | null,
  filled: ReadonlySet<number>,
): string[] {
  if (known === null) return shape.columns.map((column) => column.name);
  const isUnsure = known.columns.some((column) => column.ordinal === null);
  return shape.columns
    .filter((column) => {
      const before = byOrdinal(known, column.ordinal);
      if (before !== undefined) return before.sourceType !== column.sourceType;
      return isUnsure || column.ordinal === null || filled.has(column.ordinal);
    })
    .map((column) => column.name);
}
