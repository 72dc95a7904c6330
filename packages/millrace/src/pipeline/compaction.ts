import { isRespellable } from "../model/key-text.ts";
import type { RowLine } from "../model/row-line.ts";
import type { TargetChangeEvent, Write } from "../model/sink.ts";
import type { TableId, TargetTable } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import { UNCHANGED } from "../model/value.ts";
import { ClearItem, type RowItem } from "./lane-item.ts";
import { shownKey } from "./letter.ts";

/** What is left of a key's changes in a batch. */
export interface KeyOutcome {
  /** The newest item of the key. */
  readonly item: RowItem;
  readonly write: RowItem["write"];
  readonly row: Row;
  /** A patch that only the source can complete: what sink and batch have of its row is older, or another row's. */
  readonly needsSource?: true;
}

/** The outcome of a batch for one target, keys in order of their first change. */
export type TargetOutcomes = Map<string, KeyOutcome>;

/**
 * Last write wins, per key, inside one batch: what the keys come to, by target. A patch after a put in the same batch
 * is laid over it, so that a value the log knew is not lost (I9), unless it may have changed what it left out; insert
 * then delete is a delete. Rows without key are not for here.
 *
 * Hot path: one map look-up per change.
 */
export function compact(items: readonly RowItem[]): Map<TargetTable, TargetOutcomes> {
  const targets = new Map<TargetTable, TargetOutcomes>();
  let lastTarget: TargetTable | null = null;
  let outcomes: TargetOutcomes = new Map();
  for (const item of items) {
    const target = item.route.target;
    if (target !== lastTarget) {
      outcomes = targets.get(target) ?? new Map<string, KeyOutcome>();
      targets.set(target, outcomes);
      lastTarget = target;
    }
    // What came before it in the batch has settled the key: there is nothing to clear.
    if (item.write === "remove" && item instanceof ClearItem && outcomes.has(item.key)) continue;
    const before = item.write === "patch" ? outcomes.get(item.key) : undefined;
    outcomes.set(item.key, before === undefined ? item : mergePatch(before, item));
  }
  return targets;
}

/** `patch` over what the key came to before it. */
function mergePatch(before: KeyOutcome, patch: RowItem): KeyOutcome {
  // The new half of a key change, or a log that updates what it deleted; or it may have changed what it left out, as
  // nobody knows whose value that was. The source is asked, not what was before it.
  if (before.write === "remove" || patch.unsure)
    return { item: patch, write: "patch", row: patch.row, needsSource: true };
  const row = overlay(before.row, patch.row);
  return before.write === "patch" && needsSource(before)
    ? { item: patch, write: "patch", row, needsSource: true }
    : { item: patch, write: before.write, row };
}

/**
 * Only the source has what a patch left out (I9). That belongs to the change as it was decoded: by the time that it is
 * written, the columns of its table may be proven. The new half of a key change finds no row at the sink; told of that
 * by the sink, behind what constraints say of the others, it would pass for a row that is not there.
 */
export function needsSource({ needsSource: isMade, item }: KeyOutcome): boolean {
  return isMade === true || item.unsure || item.isNewHalf;
}

/** `newer` where it has a value, else `older`. */
export function overlay(older: Row, newer: Row): Row {
  return newer.map((value, i): Value => (value === UNCHANGED ? (older[i] ?? null) : value));
}

/** Groups outcomes into writes: one upsert, one delete, and one update per set of columns, for each target. */
export function toWrites(outcomes: Iterable<[TargetTable, Iterable<KeyOutcome>]>): {
  writes: Write[];
  outcomesOf: KeyOutcome[][];
} {
  const writes: Write[] = [];
  const outcomesOf: KeyOutcome[][] = [];
  for (const [table, keys] of outcomes) {
    const puts: KeyOutcome[] = [];
    const removes: KeyOutcome[] = [];
    const patches = new Map<string, KeyOutcome[]>();
    for (const key of keys) {
      if (key.write === "put") puts.push(key);
      else if (key.write === "remove") removes.push(key);
      else addTo(patches, knownColumns(key.row).join(","), key);
    }
    if (removes.length > 0)
      push(writes, outcomesOf, { kind: "delete", table, keys: rowsOf(removes) }, removes);
    pushPuts(writes, outcomesOf, table, puts);
    for (const group of patches.values()) {
      const first = group[0];
      if (first === undefined) continue;
      const columns = knownColumns(first.row).filter((c) => !table.key.includes(c));
      // With nothing else known of it, the key may have another spelling.
      if (columns.length > 0 || isKeyRespellable(table))
        push(writes, outcomesOf, { kind: "update", table, columns, rows: rowsOf(group) }, group);
    }
  }
  return { writes, outcomesOf };
}

/** Those that are lines still go in a write of their own. */
function pushPuts(
  writes: Write[],
  outcomesOf: KeyOutcome[][],
  table: TargetTable,
  puts: KeyOutcome[],
): void {
  const lined = puts.some(isLine) ? puts.filter(isLine) : [];
  const others = lined.length === 0 ? puts : puts.filter((put) => !isLine(put));
  if (lined.length > 0) push(writes, outcomesOf, new LoadedUpsert(table, lined), lined);
  if (others.length === 0) return;
  const write: Write = { kind: "upsert", table, rows: rowsOf(others), ...freshness(others) };
  push(writes, outcomesOf, write, others);
}

function isLine(outcome: KeyOutcome): boolean {
  return lineOf(outcome) !== null;
}

/** The line that an outcome is, where nothing was laid over it. */
export function lineOf(outcome: KeyOutcome): RowLine | null {
  return outcome.item === outcome ? outcome.item.line : null;
}

/** Rows of a load as their source wrote them; their values are made where a sink asks for them after all. */
class LoadedUpsert {
  readonly kind = "upsert";
  readonly fresh = true;
  readonly table: TargetTable;
  readonly #outcomes: readonly KeyOutcome[];

  constructor(table: TargetTable, outcomes: readonly KeyOutcome[]) {
    this.table = table;
    this.#outcomes = outcomes;
  }

  get lines(): readonly RowLine[] {
    return this.#outcomes.map(lineOf).filter((line) => line !== null);
  }

  /** The items keep what was made, so that nothing is made twice. */
  get rows(): readonly Row[] {
    return rowsOf(this.#outcomes);
  }
}

function push(
  writes: Write[],
  outcomesOf: KeyOutcome[][],
  write: Write,
  outcomes: KeyOutcome[],
): void {
  writes.push(write);
  outcomesOf.push(outcomes);
}

/** All of them inserted or loaded, and not changed since. */
function freshness(puts: readonly KeyOutcome[]): { readonly fresh?: true } {
  const isFresh = puts.every(({ item: { op } }) => op === "c" || op === "r");
  return isFresh ? { fresh: true } : {};
}

function rowsOf(outcomes: readonly KeyOutcome[]): Row[] {
  return outcomes.map((outcome) => outcome.row);
}

function isKeyRespellable({ key, columns }: TargetTable): boolean {
  return key.some((index) => {
    const logical = columns[index]?.logical;
    return logical !== undefined && isRespellable(logical);
  });
}

function addTo(groups: Map<string, KeyOutcome[]>, name: string, outcome: KeyOutcome): void {
  const group = groups.get(name);
  if (group === undefined) groups.set(name, [outcome]);
  else group.push(outcome);
}

function knownColumns(row: Row): number[] {
  const columns: number[] = [];
  for (let i = 0; i < row.length; i++) if (row[i] !== UNCHANGED) columns.push(i);
  return columns;
}

/** Cuts items into runs in which each key stands once; without compaction they are applied one run after another. */
export function runsOfDistinctKeys(items: readonly RowItem[]): RowItem[][] {
  const runs: RowItem[][] = [];
  let run: RowItem[] = [];
  let seen = new Set<string>();
  for (const item of items) {
    const name = `${item.route.target.id}\u0000${item.key}`;
    if (seen.has(name)) {
      runs.push(run);
      run = [];
      seen = new Set();
    }
    seen.add(name);
    run.push(item);
  }
  if (run.length > 0) runs.push(run);
  return runs;
}

/** An item as the change that a log-like sink wants; `after` where its own row is not all of it. Hot: per change. */
export function toChangeEvent(item: RowItem, after: Row = item.row): TargetChangeEvent {
  const { change, route } = item;
  const old = change.before === null ? null : route.map(change.before);
  // Under which `_millrace_key` the old row stands nobody knows; it is left out.
  const before: Row | null = old !== null && route.target.keyless ? [UNCHANGED, ...old] : old;
  const gone = isGone(item);
  return {
    table: route.target,
    op: item.op,
    key: shownKey(route, item.row, item.key),
    before: gone ? item.row : before,
    after: gone ? null : after,
    position: item.position,
    transaction: change.transaction,
    source: change.shape.id,
    counterpart: counterpartOf(item),
    initSync: item.table.initSync,
  };
}

/** Of the row that an item is about none is left. */
export function isGone({ write }: RowItem): boolean {
  return write === "remove" || write === "remove-equal";
}

/** The other half's row of a key change. */
function counterpartOf({ change, route, position, write }: RowItem): Row | null {
  if (change.movedFrom === null || route.target.keyless) return null;
  const other = position === change.movedFrom ? change.after : change.before;
  return other === null || write === "remove-equal" ? null : route.map(other);
}

/** Counts by table and op for metrics. */
export function countChanges(
  items: readonly RowItem[],
): { table: TableId; op: string; count: number }[] {
  const counts = new Map<string, { table: TableId; op: string; count: number }>();
  let last: { table: TableId; op: string; count: number } | null = null;
  for (const item of items) {
    if (last === null || last.op !== item.op || last.table !== item.table.id) {
      const name = `${item.op}${item.table.id}`;
      last = counts.get(name) ?? { table: item.table.id, op: item.op, count: 0 };
      counts.set(name, last);
    }
    last.count++;
  }
  return [...counts.values()];
}
