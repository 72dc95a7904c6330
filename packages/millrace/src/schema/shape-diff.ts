import type { Column, TableShape } from "../model/table.ts";

/** What makes one shape of a table into another. Columns are the same when their ordinal is (or, without, their name). */
export interface ShapeDiff {
  readonly added: readonly Column[];
  readonly dropped: readonly Column[];
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  readonly retyped: readonly { readonly from: Column; readonly to: Column }[];
  /** Other key columns, or another order of them. */
  readonly keyChanged: boolean;
  /** The table was dropped and made anew under the same name. */
  readonly madeAnew: boolean;
}

/** Pure: the difference between two shapes of one table name. */
export function diffShapes(before: TableShape, after: TableShape): ShapeDiff {
  const madeAnew = before.identity !== after.identity;
  const pairs = after.columns.map((column) => ({
    to: column,
    from: counterpart(before, column, madeAnew),
  }));
  const kept = new Set(pairs.map((pair) => pair.from));
  return {
    added: pairs.filter((pair) => pair.from === undefined).map((pair) => pair.to),
    dropped: before.columns.filter((column) => !kept.has(column)),
    renamed: pairs.flatMap(({ from, to }) =>
      from !== undefined && from.name !== to.name ? [{ from: from.name, to: to.name }] : [],
    ),
    retyped: pairs.flatMap(({ from, to }) =>
      from !== undefined && from.sourceType !== to.sourceType ? [{ from, to }] : [],
    ),
    keyChanged: !sameKey(before, after, madeAnew),
    madeAnew,
  };
}

/** True when rows of both shapes look the same. */
export function isSame(diff: ShapeDiff): boolean {
  return (
    diff.added.length + diff.dropped.length + diff.renamed.length + diff.retyped.length === 0 &&
    !diff.keyChanged &&
    !diff.madeAnew
  );
}

/** One line for logs and events: names only. */
export function describeDiff(diff: ShapeDiff): string {
  const parts = [
    ...(diff.madeAnew ? ["made anew"] : []),
    ...diff.added.map((c) => `add ${c.name}`),
    ...diff.dropped.map((c) => `drop ${c.name}`),
    ...diff.renamed.map((r) => `rename ${r.from} to ${r.to}`),
    ...diff.retyped.map(
      (r) => `retype ${r.to.name} from ${r.from.sourceType} to ${r.to.sourceType}`,
    ),
    ...(diff.keyChanged ? ["another key"] : []),
  ];
  return parts.join(", ");
}

function counterpart(shape: TableShape, column: Column, madeAnew: boolean): Column | undefined {
  const byName = () => shape.columns.find((c) => c.name === column.name);
  if (madeAnew || column.ordinal === null) return byName();
  const byOrdinal = shape.columns.find((c) => c.ordinal === column.ordinal);
  return byOrdinal ?? (shape.columns.every((c) => c.ordinal === null) ? byName() : undefined);
}

function sameKey(before: TableShape, after: TableShape, madeAnew: boolean): boolean {
  if (before.key.length !== after.key.length) return false;
  return after.key.every((index, i) => {
    const column = after.columns[index];
    return (
      column !== undefined &&
      counterpart(before, column, madeAnew) === before.columns[before.key[i] ?? -1]
    );
  });
}
