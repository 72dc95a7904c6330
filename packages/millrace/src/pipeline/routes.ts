import type { Refusal } from "../model/dead-letter.ts";
import type { Router } from "../model/router.ts";
import type { Sink } from "../model/sink.ts";
import type { Column, TableShape, TargetTable } from "../model/table.ts";
import type { Row, Value } from "../model/value.ts";
import { Skimmed, UNCHANGED } from "../model/value.ts";

/** Why a row cannot be written as it is; no values. */
export interface Unfit extends Refusal {
  readonly code: "MR_VALUE_TOO_LARGE" | "MR_VALUE_DOES_NOT_FIT" | "MR_KEY_NULL";
}

/** One way from rows of a source shape to rows of a target table. */
export interface CompiledRoute {
  readonly target: TargetTable;
  /** A row of the source shape as a row of the target; the same array where nothing has to change. */
  readonly map: (row: Row) => Row;
  /** Rows of `shape` may leave target columns UNCHANGED: it is not sure which of its columns they are. */
  readonly unsure: boolean;
  /** For rows without key: puts `_millrace_key` before the mapped row. */
  readonly columns: TableShape;
}

/** A target with the (projected) shape that it was mapped from; rows of other shapes are fitted to it. */
export interface RouteTarget {
  readonly target: TargetTable;
  readonly from: TableShape;
}

/** The targets that a source shape is routed to now. */
export function targetsOf(
  shape: TableShape,
  router: Router,
  sink: Pick<Sink, "mapTable">,
): RouteTarget[] {
  return router
    .plan(shape)
    .map((plan) => ({ target: sink.mapTable(plan.shape, plan.target), from: plan.shape }));
}

/**
 * Compiles the ways of rows written in `shape` to `targets`, which may come from a newer or an older shape of the same
 * table: columns are found by ordinal, else by name; a column that `shape` lacks is NULL. Where the log lags behind
 * several changes of a table, ordinals of its columns may be unknown: what is not found then may be there under another
 * name, so it is left UNCHANGED and the source is asked (I9).
 */
export function compileRoutes(
  shape: TableShape,
  targets: readonly RouteTarget[],
  router: Router,
): CompiledRoute[] {
  const plans = router.plan(shape);
  return targets.map(({ target, from }, i) => {
    const plan =
      plans.find((p) => p.target.schema === target.schema && p.target.name === target.name) ??
      plans[i];
    if (plan === undefined) throw new Error(`no route from ${shape.id} to ${target.id}`);
    const fit = fitColumns(plan.shape.columns, from.columns);
    const project = plan.project;
    const map = project === null ? fit : fit === same ? project : (row: Row) => fit(project(row));
    const unsure = plan.shape.columns !== from.columns && isUnsure(plan.shape.columns);
    return { target, map, unsure, columns: from };
  });
}

const same = (row: Row): Row => row;

function fitColumns(have: readonly Column[], want: readonly Column[]): (row: Row) => Row {
  const indexes = want.map((column) => findColumn(have, column));
  if (have.length === want.length && indexes.every((index, i) => index === i)) return same;
  const missing = isUnsure(have) ? UNCHANGED : null;
  return (row) => indexes.map((index) => (index === -1 ? missing : (row[index] ?? null)));
}

/** Some columns are known by ordinal and others are not: a source without ordinals is never unsure. */
function isUnsure(columns: readonly Column[]): boolean {
  return (
    columns.some((column) => column.ordinal === null) &&
    columns.some((column) => column.ordinal !== null)
  );
}

function findColumn(have: readonly Column[], column: Column): number {
  if (column.ordinal !== null) {
    const byOrdinal = have.findIndex((c) => c.ordinal === column.ordinal);
    if (byOrdinal !== -1 || have.every((c) => c.ordinal !== null)) return byOrdinal;
  }
  return have.findIndex((c) => c.name === column.name);
}

/** Says why a target row cannot be written without loss (I1), or null. */
export function unfit(target: TargetTable, row: Row): Unfit | null {
  for (let i = 0; i < row.length; i++) {
    const value: Value | undefined = row[i];
    if (typeof value === "object" && value !== null && value instanceof Skimmed) {
      return {
        code: "MR_VALUE_TOO_LARGE",
        reason: `column "${target.columns[i]?.name ?? i}" is ${value.bytes} bytes, more than the sink takes`,
        column: target.columns[i]?.name ?? null,
      };
    }
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
  const probe: Row = shape.columns.map((column) => `probe ${column.name}`);
  return router.plan(shape).every((plan) => {
    const row = plan.project === null ? probe : plan.project(probe);
    return plan.shape.key.every((index, i) => row[index] === probe[shape.key[i] ?? -1]);
  });
}
