import { createHash } from "node:crypto";
import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetChange } from "../../model/sink.ts";
import type { TargetColumn, TargetTable } from "../../model/table.ts";
import type { CatalogueColumn, CatalogueTable } from "./catalogue.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import { sameType } from "./type-compatibility.ts";

type Alter = Extract<TargetChange, { kind: "alter" }>;

/** Columns that a barrier has put away; see {@link nextStep}. */
export const DROPPED_PREFIX = "_dropped_";

/**
 * The next statement that brings the table nearer to the change, or null when it is there. Asked again after each
 * statement with the catalogue as it is then, so that it does not matter who did a step, this task, an earlier run or a
 * zombie.
 *
 * A column is dropped by renaming it to a name that only this barrier uses and leaving it there until the next start:
 * a task that was paused before its own DROP finds the name taken, and cannot take away a column of the same name that
 * was added since (design/001, "Barriers").
 */
export function nextStep(actual: CatalogueTable, change: Alter): string | null {
  const columns = new Map(actual.columns.map((column) => [column.name, column]));
  refuseCycles(change);
  return (
    putAway(columns, change) ??
    rename(columns, change) ??
    replace(columns, change) ??
    add(columns, change)
  );
}

/** The name under which a dropped column or table waits; the tag is a position, so that it fits into 63 bytes only as a hash. */
export function putAwayName(tag: string, name: string): string {
  const hash = createHash("sha256").update(`${tag}\0${name}`).digest("hex").slice(0, 16);
  const readable = tag.replaceAll(/[^A-Za-z0-9]+/g, "_").slice(0, 32);
  return `${DROPPED_PREFIX}${readable}_${hash}`;
}

/** The next statement that puts one column away; null where that name is taken, or the column is not there. */
export function putAwayStep(actual: CatalogueTable, change: Alter, name: string): string | null {
  return putAwayOne(new Map(actual.columns.map((c) => [c.name, c])), change, name);
}

/** All names under which something may have been put away for a change. */
export function putAwayNames({ drops, replaces, tag }: Alter): string[] {
  return [...drops, ...replaces].map((name) => putAwayName(tag, name));
}

type Columns = ReadonlyMap<string, CatalogueColumn>;

function putAway(columns: Columns, change: Alter): string | null {
  for (const name of change.drops) {
    const step = putAwayOne(columns, change, name);
    if (step !== null) return step;
  }
  return null;
}

/** A column that stays as an extra one must not ask for values. */
function putAwayOne(columns: Columns, change: Alter, name: string): string | null {
  const away = putAwayName(change.tag, name);
  const column = columns.get(name);
  if (column === undefined || columns.has(away)) return null;
  const table = quoteTable(change.table);
  if (column.notNull) return `ALTER TABLE ${table} ALTER COLUMN ${quoteName(name)} DROP NOT NULL`;
  return `ALTER TABLE ${table} RENAME COLUMN ${quoteName(name)} TO ${quoteName(away)}`;
}

/** Chains (a to b, b to c) come out right because a name is given only when it is free. */
function rename(columns: Columns, change: Alter): string | null {
  const due = change.renames.find(({ from, to }) => columns.has(from) && !columns.has(to));
  if (due === undefined) return null;
  return `ALTER TABLE ${quoteTable(change.table)} RENAME COLUMN ${quoteName(due.from)} TO ${quoteName(due.to)}`;
}

function replace(columns: Columns, change: Alter): string | null {
  for (const name of change.replaces) {
    const wanted = change.table.columns.find((column) => column.name === name);
    const actual = columns.get(name);
    if (wanted !== undefined && actual !== undefined && sameType(actual.type, wanted.type))
      continue;
    const step = putAwayOne(columns, change, name);
    if (step !== null) return step;
  }
  return null;
}

/** DSQL adds only plain nullable columns. */
export function addStep(table: TargetTable, { name, type }: TargetColumn): string {
  return `ALTER TABLE ${quoteTable(table)} ADD COLUMN ${quoteName(name)} ${type}`;
}

function add(columns: Columns, change: Alter): string | null {
  const missing = change.table.columns.find((column) => !columns.has(column.name));
  return missing === undefined ? null : addStep(change.table, missing);
}

/**
 * Names that change places look the same before and after; nobody could tell whether it was done. Whoever plans a change
 * has such columns dropped and made anew.
 */
function refuseCycles(change: Alter): void {
  const next = new Map(change.renames.map(({ from, to }) => [from, to]));
  for (const start of next.keys()) {
    let at = next.get(start);
    for (let steps = 0; at !== undefined && steps <= next.size; steps++) {
      if (at === start)
        throw new MillraceError("MR_BUG", `${change.table.id}: renames that go round in a circle`);
      at = next.get(at);
    }
  }
}
