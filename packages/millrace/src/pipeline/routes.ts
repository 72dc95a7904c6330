import type { Refusal } from "../model/dead-letter.ts";
import type { RoutePlan, Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { Column, TableShape, TargetTable } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import { Misfit, Skimmed, UNCHANGED } from "../model/value.ts";

/** Why a row cannot be written as it is; no values. */
export interface Unfit extends Refusal {
  readonly code: "MR_VALUE_TOO_LARGE" | "MR_VALUE_DOES_NOT_FIT" | "MR_KEY_NULL";
}

/** One way from rows of a source shape to rows of a target table. */
export interface CompiledRoute {
  readonly target: TargetTable;
  /** A row of the source shape as a row of the target; the same array where nothing has to change. */
  readonly map: (row: Row) => Row;
  /** The same for a row that was read at the source: what it does not have, the source does not have. */
  readonly mapRead: (row: Row) => Row;
  /** `mapRead` leaves rows as they are, and each value fits: they may go on as their source wrote them. */
  readonly takesLines: boolean;
  /**
   * Rows of `shape` may leave target columns UNCHANGED: it is not sure which of its columns they are. What they leave out
   * they may have changed, so that only the source has it (I9).
   */
  readonly unsure: boolean;
  /** A key column is hashed on the way: the source's key must not be told to anybody, nor kept at the sink. */
  readonly hidesKey: boolean;
  /** For rows without key: puts `_millrace_key` before the mapped row. */
  readonly columns: TableShape;
}

/** A target with the (projected) shape that it was mapped from; rows of other shapes are fitted to it. */
export interface RouteTarget {
  readonly target: TargetTable;
  readonly from: TableShape;
  /** What is done to rows on the way ({@link RoutePlan.rule}). */
  readonly rule?: string;
}

/** Where rows go and what becomes of them, as texts that are kept: where they change, rows at the sink are not what they should be. */
export function waysOf(targets: readonly RouteTarget[]): string[] {
  return targets.map(({ target, rule = "" }) =>
    rule === "" ? target.id : `${target.id}: ${rule}`,
  );
}

/** The targets that a source shape is routed to now. */
export function targetsOf(
  shape: TableShape,
  router: Router,
  sink: Pick<Sink, "mapTable">,
): RouteTarget[] {
  return router.plan(shape).map((plan) => ({
    target: sink.mapTable(plan.shape, plan.target),
    from: plan.shape,
    ...(plan.rule === undefined ? {} : { rule: plan.rule }),
  }));
}

/**
 * Compiles the ways of rows written in `shape` to `targets`, which may come from a newer or an older shape of the same
 * table: columns are found by ordinal, or by name where the source has no ordinals; a column that `shape` lacks is NULL.
 * Where the log lags behind several changes of a table, ordinals of its columns may not be proven: what is not found then
 * may be there under another name, so it is left UNCHANGED and the source is asked (I9). So are columns that have become
 * `unlogged` since (by ordinal): what the row has of them is not what they hold now, and no row event will tell.
 */
export function compileRoutes(
  shape: TableShape,
  targets: readonly RouteTarget[],
  router: Router,
  unlogged: ReadonlySet<number> = NONE,
): CompiledRoute[] {
  const plans = router.plan(shape);
  return targets.map(({ target, from }, i) => {
    const plan =
      plans.find((p) => p.target.schema === target.schema && p.target.name === target.name) ??
      plans[i];
    if (plan === undefined) throw new Error(`no route from ${shape.id} to ${target.id}`);
    const read = projected(plan, fitColumns(plan.shape, from, NONE));
    const map =
      unlogged.size === 0 ? read : projected(plan, fitColumns(plan.shape, from, unlogged));
    const unsure = unlogged.size > 0 || isUnsure(plan.shape.columns);
    const mapRead = unsure ? (row: Row) => read(row).map(orNull) : map;
    const takesLines =
      mapRead === same && !target.keyless && target.columns.every((c) => c.refuse === undefined);
    const hidesKey = !planKeepsKey(shape, plan);
    return { target, map, mapRead, takesLines, unsure, hidesKey, columns: from };
  });
}

const NONE: ReadonlySet<number> = new Set();

function projected({ project }: RoutePlan, fit: (row: Row) => Row): (row: Row) => Row {
  return project === null ? fit : fit === same ? project : (row) => fit(project(row));
}

const same = (row: Row): Row => row;

const orNull = (value: Value): Value => (value === UNCHANGED ? null : value);

const LEFT_OUT = -2;

function fitColumns(
  have: TableShape,
  want: TableShape,
  unlogged: ReadonlySet<number>,
): (row: Row) => Row {
  const indexes = want.columns.map((column, i) => {
    if (unlogged.has(column.ordinal ?? 0) && !want.key.includes(i)) return LEFT_OUT;
    const found = findColumn(have.columns, column);
    return found === -1 ? keyColumnAt(have, want, i) : found;
  });
  if (have.columns.length === want.columns.length && indexes.every((index, i) => index === i))
    return same;
  const missing = isUnsure(have.columns) ? UNCHANGED : null;
  return (row) =>
    indexes.map((index) =>
      index === -1 ? missing : index === LEFT_OUT ? UNCHANGED : (row[index] ?? null),
    );
}

/** Something about the log's columns is not proven. A source without ordinals is never unsure: columns are their names. */
function isUnsure(columns: readonly Column[]): boolean {
  return (
    columns.some((column) => column.unproven === true) ||
    (columns.some((column) => column.ordinal === null) && columns.some(hasOrdinal))
  );
}

/** The source has ordinals, though this column's may not be proven. */
function hasOrdinal(column: Column): boolean {
  return column.ordinal !== null || column.unproven === true;
}

/** A column that is not proven to be the wanted one is not taken for it, whatever its name. */
function findColumn(have: readonly Column[], column: Column): number {
  if (column.ordinal !== null && have.some(hasOrdinal))
    return have.findIndex((c) => c.ordinal === column.ordinal);
  return have.findIndex((c) => c.name === column.name);
}

/** Rows are found by their key whatever its columns are called: the log says which they are. */
function keyColumnAt(have: TableShape, want: TableShape, index: number): number {
  const place = want.key.indexOf(index);
  const at = have.key.length === want.key.length ? have.key[place] : undefined;
  return at !== undefined && have.columns[at]?.unproven === true ? at : -1;
}

/**
 * Says why a target row cannot be written without loss (I1), or null.
 * @param maxValueBytes what a value may have, where it is known, to be told; whoever has read it goes by it
 */
export function unfit(
  target: TargetTable,
  row: Row,
  maxValueBytes: number | null = null,
): Unfit | null {
  for (let i = 0; i < row.length; i++) {
    const value: Value | undefined = row[i];
    if (typeof value === "object" && value !== null && value instanceof Skimmed)
      return unfitValue(target.columns[i]?.name ?? null, i, value, maxValueBytes);
    const refuse = target.columns[i]?.refuse;
    if (refuse !== undefined && typeof value === "string") {
      const reason = refuse(value);
      if (reason !== null)
        return {
          code: "MR_VALUE_DOES_NOT_FIT",
          reason: `column "${target.columns[i]?.name ?? i}": ${reason}`,
          column: target.columns[i]?.name ?? null,
        };
    }
  }
  return target.keyless ? null : nullKey(target, row);
}

function unfitValue(
  column: string | null,
  index: number,
  value: Skimmed,
  maxBytes: number | null,
): Unfit {
  const named = `column "${column ?? index}"`;
  if (value instanceof Misfit)
    return { code: "MR_VALUE_DOES_NOT_FIT", reason: `${named}: ${value.why}`, column };
  const reason = `${named} is ${value.bytes} bytes, ${tooMuch(value.bytes, maxBytes)}`;
  return { code: "MR_VALUE_TOO_LARGE", reason, column };
}

/** The least of what the sink takes and a share of the memory; values that are smaller were let go for their row. */
function tooMuch(bytes: number, maxBytes: number | null): string {
  if (maxBytes === null) return "more than the sink takes";
  return bytes > maxBytes
    ? `more than the ${maxBytes} that a value may have here`
    : `in a row that is too large: one value may have ${maxBytes}`;
}

function nullKey(target: TargetTable, row: Row): Unfit | null {
  for (const index of target.key) {
    if (row[index] === null || row[index] === undefined) {
      return {
        code: "MR_KEY_NULL",
        reason: `key column "${target.columns[index]?.name ?? index}" is NULL`,
        column: target.columns[index]?.name ?? null,
      };
    }
  }
  return null;
}

/** True where the log left out a value of this row. */
export function hasUnchanged(row: Row): boolean {
  for (let i = 0; i < row.length; i++) if (row[i] === UNCHANGED) return true;
  return false;
}

/** True where every target of the table has the source's own key values (none is hashed), so that keys can be looked up back. */
export function keepsKey(shape: TableShape, router: Router): boolean {
  return router.plan(shape).every((plan) => planKeepsKey(shape, plan));
}

function planKeepsKey(shape: TableShape, plan: RoutePlan): boolean {
  if (plan.project === null) return true;
  const probe: Row = shape.columns.map((column) => `probe ${column.name}`);
  const row = plan.project(probe);
  return plan.shape.key.every((index, i) => row[index] === probe[shape.key[i] ?? -1]);
}
