import type { Router } from "../../model/router.ts";
import type { TableId, TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import { Skimmed } from "../../model/value.ts";
import type { StoredRow } from "./sink-tables.ts";
import { KEY_ORDINAL, LARGE_ORDINAL, VALUE_ORDINAL, type Cells } from "./source-tables.ts";
import { MISFIT, POISON } from "./values.ts";
import { Violation } from "./violation.ts";

/** A target of a source table. */
export interface Target {
  readonly id: TableId;
  readonly table: TableId;
  readonly keyless: boolean;
  /** The names that the target has, by the source's ordinals. */
  readonly columns: ReadonlyMap<number, string>;
}

/** Columns that no ALTER of the model touches. */
export const FIXED: ReadonlySet<number> = new Set([KEY_ORDINAL, VALUE_ORDINAL, LARGE_ORDINAL]);

/** Where a table of this shape goes. */
export function targetsOf(router: Router, shape: TableShape): Target[] {
  return router.plan(shape).map((plan) => ({
    id: tableId(plan.target.schema, plan.target.name),
    table: shape.id,
    keyless: shape.key.length === 0,
    columns: new Map(plan.shape.columns.map((c) => [c.ordinal ?? -1, c.name])),
  }));
}

/** No sink of the model takes such a row. */
export function isBad(target: Target, cells: Cells | undefined): boolean {
  return [...(cells ?? [])].some(([ordinal, value]) => {
    if (!target.columns.has(ordinal)) return false;
    if (value instanceof Skimmed) return true;
    if (typeof value !== "string") return false;
    return value.startsWith(POISON) || value.startsWith(MISFIT) || value.length > 500;
  });
}

/** @throws {Violation} where the target's row of a key is not the source's, in these columns. */
export function compareRow(
  when: string,
  target: Target,
  key: string,
  { actual, expected }: { actual: StoredRow | undefined; expected: Cells | undefined },
  ordinals: ReadonlySet<number>,
): void {
  const have =
    actual === undefined ? "nothing" : project(target, (_, name) => actual[name], ordinals);
  const want =
    expected === undefined
      ? "nothing"
      : project(target, (ordinal) => expected.get(ordinal), ordinals);
  if (have !== want)
    throw new Violation(`${when}: ${target.id} ${key} is ${have}, the source has ${want}`);
}

/** The same for tables without key, whose rows have no names. */
export function compareBags(
  when: string,
  target: Target,
  actual: ReadonlyMap<string, StoredRow>,
  expected: ReadonlyMap<string, Cells> | undefined,
  ordinals: ReadonlySet<number>,
): void {
  const have = [...actual.values()]
    .map((row) => project(target, (_, name) => row[name], ordinals))
    .sort();
  const want = [...(expected?.values() ?? [])]
    .map((cells) => project(target, (ordinal) => cells.get(ordinal), ordinals))
    .sort();
  if (have.join() !== want.join())
    throw new Violation(`${when}: ${target.id} holds ${have.join()}, the source ${want.join()}`);
}

function project(
  target: Target,
  value: (ordinal: number, name: string) => unknown,
  ordinals: ReadonlySet<number>,
): string {
  const values = [...target.columns]
    .filter(([ordinal]) => ordinals.has(ordinal))
    .map(([ordinal, name]) => value(ordinal, name) ?? null);
  return JSON.stringify(values);
}
