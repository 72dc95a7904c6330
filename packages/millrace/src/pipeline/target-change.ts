import type { TargetChange } from "../model/sink.ts";
import type { TargetColumn, TargetTable } from "../model/table.ts";
import type { RouteTarget } from "./routes.ts";

/** What has to be done to one target of a table whose shape changed. */
export interface TargetPlan {
  readonly target: RouteTarget;
  readonly changes: readonly ((tag: string) => TargetChange)[];
  /** Values have to be read again from the source. */
  readonly reload: boolean;
}

/**
 * Pure: from the old target of a route to the new one. A column whose type changes, or that exchanges its name with
 * another one, is put away and made anew, and filled by a new INIT_SYNC; another key, another type of a key column, or a
 * source table that was made anew under the same name (`madeAnew`), makes the table anew.
 */
export function planTargetChange(
  before: RouteTarget | null,
  after: RouteTarget,
  madeAnew = false,
): TargetPlan {
  if (before === null)
    return {
      target: after,
      changes: [() => ({ kind: "create", table: after.target })],
      reload: true,
    };
  const pairs = after.target.columns.map((column, i) => ({
    column,
    old: oldColumn(before, after, column, i),
  }));
  const replaced = pairs.filter(({ column, old }) => old !== null && old.type !== column.type);
  if (madeAnew || keyTouched(before, after, replaced)) return anew(before, after);
  // Renamed and retyped in one: nothing of it is kept, so it goes under its old name, which no other column takes away.
  const moved = replaced.filter(({ column, old }) => old?.name !== column.name);
  const left = pairs.filter((pair) => !moved.includes(pair));
  const kept = new Set(left.map(({ old }) => old));
  const renamed = left.flatMap(({ column, old }) =>
    old !== null && old.name !== column.name ? [{ from: old.name, to: column.name }] : [],
  );
  const exchanged = namesInCycles(renamed);
  if (after.target.key.some((index) => exchanged.has(after.target.columns[index]?.name ?? "")))
    return anew(before, after);
  const renames = renamed.filter(({ from }) => !exchanged.has(from));
  const dropped = before.target.columns.filter((column) => !kept.has(column));
  const drops = [...dropped.map((column) => column.name), ...exchanged];
  const stay = replaced.filter((pair) => !moved.includes(pair));
  const replaces = stay.map(({ column }) => column.name);
  const added = pairs.some(({ old }) => old === null || !kept.has(old));
  if (renames.length + drops.length + replaces.length === 0 && !added)
    return { target: after, changes: [], reload: false };
  return {
    target: after,
    changes: [(tag) => ({ kind: "alter", table: after.target, renames, drops, replaces, tag })],
    reload: replaced.length + exchanged.size > 0,
  };
}

/**
 * Columns that exchange their names look the same before and after, so that nobody who finds them could tell whether it
 * was done: they are put away and made anew.
 */
function namesInCycles(renames: readonly { readonly from: string; readonly to: string }[]) {
  const next = new Map(renames.map(({ from, to }) => [from, to]));
  const found = new Set<string>();
  for (const start of next.keys()) {
    let at = next.get(start);
    for (let steps = 0; at !== undefined && at !== start && steps < next.size; steps++)
      at = next.get(at);
    if (at === start) found.add(start);
  }
  return found;
}

function keyTouched(
  before: RouteTarget,
  after: RouteTarget,
  replaced: readonly { readonly column: TargetColumn }[],
): boolean {
  return (
    before.target.keyless !== after.target.keyless ||
    keyNames(before.target) !== keyNames(renamedBack(before, after)) ||
    replaced.some(({ column }) => isKey(after.target, column))
  );
}

/** The table is put away and made anew; its rows are read again. */
function anew(before: RouteTarget, after: RouteTarget): TargetPlan {
  return {
    target: after,
    changes: [
      (tag) => ({ kind: "drop", table: before.target, tag }),
      () => ({ kind: "create", table: after.target }),
    ],
    reload: true,
  };
}

/** The old target column that a new one continues: by the source column's ordinal, else by name. */
function oldColumn(
  before: RouteTarget,
  after: RouteTarget,
  column: TargetColumn,
  index: number,
): TargetColumn | null {
  if (after.target.keyless && index === 0)
    return before.target.keyless ? (before.target.columns[0] ?? null) : null;
  const shift = after.target.keyless ? 1 : 0;
  const source = after.from.columns[index - shift];
  const oldShift = before.target.keyless ? 1 : 0;
  const at = before.from.columns.findIndex((c) =>
    source !== undefined && source.ordinal !== null && c.ordinal !== null
      ? c.ordinal === source.ordinal
      : c.name === column.name,
  );
  return at === -1 ? null : (before.target.columns[at + oldShift] ?? null);
}

function keyNames(table: Pick<TargetTable, "columns" | "key">): string {
  return JSON.stringify(table.key.map((index) => table.columns[index]?.name));
}

/** The new table's key under the old names of its columns. */
function renamedBack(
  before: RouteTarget,
  after: RouteTarget,
): Pick<TargetTable, "columns" | "key"> {
  const columns = after.target.columns.map((column, i) => ({
    ...column,
    name: oldColumn(before, after, column, i)?.name ?? `\u0000${column.name}`,
  }));
  return { columns, key: after.target.key };
}

function isKey(table: TargetTable, column: TargetColumn): boolean {
  return table.key.some((index) => table.columns[index] === column);
}
