import type { LogicalType } from "../../model/logical-type.ts";
import type { TransactionId } from "../../model/position.ts";
import { tableId, type Column, type TableShape } from "../../model/table.ts";
import { isThat, proveAttnums, type Attribute } from "./attnum-proof.ts";
import type { RelationMessage } from "./pgoutput-messages.ts";

/**
 * The shape of a table at one place of its log, from three witnesses: the Relation message (true at that place, but
 * without attnums, nullability and defaults), the shape that was known before that place, and the catalogue as it is
 * now, later than that place.
 *
 * A rename keeps a column's attnum, a column made anew has a new one. Where it is not proven which of the two happened
 * (`attnum-proof.ts`), the column is `unproven`: what the log says of it is not used, the source is asked (I9).
 *
 * - Where the message looks as the catalogue does now, the column is the one that has its name now. That the log's values
 *   are that column's shows as soon as the log is past the look at the catalogue without another message: who drops and
 *   adds columns makes the server send one before the next row. So it does where another message comes, if nobody has
 *   touched a column since. A table without key is loaded again, once for a look.
 * - Else its attnum stays open, and the table is loaded again, now and once more when its attnum shows: that costs time,
 *   and a wrong guess would keep the values of another column.
 */
export interface ResolvedShape {
  /** The known shape itself where nothing changed, so that it can be compared by identity. */
  readonly shape: TableShape;
  /** Columns whose values changed, or may have changed, without row events. */
  readonly rewritten: readonly string[];
  /** The same shape with nothing unproven, good once the log has gone on far enough without another message. */
  readonly confirmed?: TableShape | null;
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
  /** All columns that ever were, dropped ones too; none where the table is gone. */
  readonly attributes: readonly Attribute[];
  /** The publication names columns: any may be missing in the log. */
  readonly isPartial: boolean;
  /** Attnums of columns that may have given a value to rows that were there before them. */
  readonly filled: ReadonlySet<number>;
  /** All columns and who touched each last: what {@link ShapeLook} compares. */
  readonly touched: string;
}

/** What a Relation message comes to. */
export interface FoundShape extends Pick<ResolvedShape, "shape" | "rewritten"> {
  /** The shape of rows whose records begin at or behind `afterLsn`, where no other message comes before them. */
  readonly later?: { readonly shape: TableShape; readonly afterLsn: number };
}

/**
 * The known shape is that of this place of the log, if every schema change since that transaction (null: in the log that
 * the slot has) was told by a message.
 */
export interface ExactSince {
  readonly since: TransactionId | null;
}

/** Finds out how a table looks at a Relation message; asks the catalogue. */
export type ShapeOf = (
  relation: RelationMessage,
  known: TableShape | null,
  exact: ExactSince | null,
  /** Where the record of the first row behind the message begins. */
  lsn: number,
) => Promise<FoundShape>;

/**
 * Puts the witnesses together. `types` are those of the Relation message's columns, null where they are gone; `lsn` is
 * where the record of the first row behind it begins.
 */
export function resolveShape(
  relation: RelationMessage,
  types: readonly (ResolvedType | null)[],
  known: TableShape | null,
  catalogue: CatalogueState,
  lsn = 0,
): ResolvedShape {
  const spelled = relation.columns.map((column, index): ResolvedType => {
    const gone = `oid ${column.typeOid}`;
    const before = known?.columns.find(({ name }) => name === column.name);
    return types[index] ?? before ?? { type: { kind: "other", name: gone }, sourceType: gone };
  });
  const present = presentOrdinals(relation, catalogue);
  const isUntouched = known !== null && isBehindLook(known, catalogue, lsn);
  const proven = (isUntouched ? present : null) ?? ordinalsOf(relation, known, catalogue);
  const columns = relation.columns.map(({ name }, index) => {
    const ordinal = proven[index] ?? present?.[index] ?? null;
    return columnOf(name, spelled[index], ordinal, known, catalogue.shape);
  });
  const shape: TableShape = {
    id: tableId(relation.schema, relation.name),
    schema: relation.schema,
    name: relation.name,
    identity: String(relation.oid),
    columns,
    key: keyOf(relation, columns, known, catalogue.shape),
  };
  const isOpen = catalogue.attributes.length > 0 && proven.includes(null);
  if (known !== null && !isOpen && isSameShape(shape, known))
    return { shape: withLabels(known, types), rewritten: [] };
  const rewritten = rewrittenColumns(shape, known, catalogue.filled);
  if (!isOpen) return { shape, rewritten };
  const doubted = { ...shape, columns: columns.map((c, i) => doubt(c, proven[i] ?? null)) };
  const again = shape.key.length > 0 ? rewritten : [...new Set([...rewritten, ...openIn(doubted)])];
  return { shape: doubted, rewritten: again, confirmed: present === null ? null : shape };
}

/**
 * The row was written after an earlier look, and nobody has touched a column since: there are no other columns that it
 * could be of. An ALTER that a later look does not see yet still has its lock, so that it is later than the row.
 *
 * A table without key was loaded again behind that look. Who was not seen by that load had the table's lock beyond it,
 * and so behind every ALTER that the look saw: wherever the rows that still matter stand, they are behind the look's.
 */
function isBehindLook(known: TableShape, { touched }: CatalogueState, lsn: number): boolean {
  const { look, key } = known;
  return look?.columns === touched && (lsn >= look.behind || key.length === 0);
}

/** Rows without key cannot be asked for one by one, so that the table is loaded again whatever the message looks like. */
function openIn({ columns }: TableShape): string[] {
  return columns.filter((column) => column.unproven === true).map((column) => column.name);
}

/** What the log says of the column may be another one's. */
function doubt(column: Column, proven: number | null): Column {
  return proven === null ? { ...column, unproven: true } : column;
}

/** The attnums that the message's columns have now, where it looks as the catalogue does; else null. */
function presentOrdinals(
  relation: RelationMessage,
  { attributes, isPartial }: CatalogueState,
): number[] | null {
  const found = relation.columns.map((column) => attributes.find((a) => isThat(column, a)));
  const ordinals = found.flatMap((attribute) => attribute?.attnum ?? []);
  const isWhole = attributes.every(
    (a) => a.isDropped || a.isGenerated || isPartial || ordinals.includes(a.attnum),
  );
  const isOrdered = ordinals.every((ordinal, i) => ordinal > (ordinals[i - 1] ?? 0));
  return isWhole && isOrdered && ordinals.length === found.length ? ordinals : null;
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

/** Attnums of the Relation message's columns; of a table that is gone, those that were known under their names. */
function ordinalsOf(
  relation: RelationMessage,
  known: TableShape | null,
  { attributes, isPartial }: CatalogueState,
): (number | null)[] {
  if (attributes.length > 0) return proveAttnums(relation.columns, attributes, isPartial);
  return relation.columns.map(
    ({ name }) => known?.columns.find((column) => column.name === name)?.ordinal ?? null,
  );
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

/**
 * The known shape with the labels that its enumerations have now, which no message of the log tells of: the shape itself where
 * they are the same. `types` are those of its columns.
 */
export function withLabels(known: TableShape, types: readonly (ResolvedType | null)[]): TableShape {
  const columns = known.columns.map((column, index) => {
    const type = types[index]?.type;
    return type === undefined || labelsText(type) === labelsText(column.type)
      ? column
      : { ...column, type };
  });
  return columns.every((column, index) => column === known.columns[index])
    ? known
    : { ...known, columns };
}

function labelsText(type: LogicalType): string {
  return type.kind === "other" ? JSON.stringify(type.labels ?? null) : "";
}

/** The message says nothing else of the table than the known shape does. */
export function agrees(
  relation: RelationMessage,
  types: readonly (ResolvedType | null)[],
  known: TableShape,
): boolean {
  const { columns, replicaIdentity } = relation;
  const flagged = columns.flatMap((column, index) => (column.isKey ? [index] : []));
  const tellsKey = replicaIdentity === "d" || replicaIdentity === "i";
  return (
    known.identity === String(relation.oid) &&
    known.id === tableId(relation.schema, relation.name) &&
    known.columns.length === columns.length &&
    known.columns.every(
      ({ name, sourceType, unproven }, index) =>
        unproven !== true &&
        name === columns[index]?.name &&
        sourceType === types[index]?.sourceType,
    ) &&
    (!tellsKey || isSameSet(known.key, flagged))
  );
}

/** Nothing that a sink could see differs. */
export function isSameShape(a: TableShape, b: TableShape): boolean {
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
    (a.generated ?? false) === (b.generated ?? false) &&
    b.unproven !== true
  );
}

/** Columns of `shape` whose values are not those that they had, or did not have, in `known`. */
export function rewrittenColumns(
  shape: TableShape,
  known: TableShape | null,
  filled: ReadonlySet<number>,
): string[] {
  if (known === null) return shape.columns.map((column) => column.name);
  const isUnsure = known.columns.some((column) => column.ordinal === null);
  // What comes in front of a known column was there before, unlogged: DROP EXPRESSION left its values where they were.
  const newest = Math.max(...known.columns.map((column) => column.ordinal ?? 0));
  return shape.columns
    .filter((column) => {
      const before = byOrdinal(known, column.ordinal);
      if (before !== undefined) return before.sourceType !== column.sourceType;
      if (isUnsure || column.ordinal === null) return true;
      return column.ordinal < newest || filled.has(column.ordinal);
    })
    .map((column) => column.name);
}
