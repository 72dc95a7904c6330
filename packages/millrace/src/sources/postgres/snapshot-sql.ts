import type { ChunkRange } from "../../model/source.ts";
import { comparison, literal, type TablePlan } from "./table-plan.ts";

/**
 * What every snapshot session says first. Policies must never filter rows in silence: with row_security off the server
 * refuses instead. A chunk is a range of the key's index, which stale statistics must not turn into a walk over the
 * whole table; and copying for hours should not take the source's parallel workers.
 */
export const BEGIN_SQL = `
SET row_security = off; SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0; SET jit = off;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`;

/** COPY of a range in key order; of a whole table without key in any order. */
export function chunkSql(plan: TablePlan, range: ChunkRange, filter: string | null): string {
  const where = [
    ...(range.from === null ? [] : [comparison(plan, ">", range.from)]),
    ...(range.to === null ? [] : [comparison(plan, "<=", range.to)]),
    ...conditions(filter),
  ];
  const order = plan.key.map((column) => column.sql).join(", ");
  return copy(
    `SELECT ${plan.columns.join(", ")} FROM ${plan.from} AS t` +
      (where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`) +
      (order === "" ? "" : ` ORDER BY ${order}`),
  );
}

/** COPY of the rows that have one of `keys` (each the texts of its columns); `columns` are those of the answer. */
export function rowsSql(
  plan: TablePlan,
  columns: readonly string[],
  keys: readonly (readonly string[])[],
  filter: string | null,
): string {
  const asked = plan.key.map(
    (_, i) => `pg_catalog.unnest(${textArray(keys.map((key) => key[i] ?? ""))})`,
  );
  const names = plan.key.map((_, i) => `_millrace_${i}`);
  const equal = plan.key.map((column, i) => `${column.sql} = asked._millrace_${i}::${column.cast}`);
  return copy(
    `SELECT ${columns.join(", ")} FROM ${plan.from} AS t, ` +
      `ROWS FROM (${asked.join(", ")}) AS asked(${names.join(", ")}) ` +
      `WHERE ${[...equal, ...conditions(filter)].join(" AND ")}`,
  );
}

/** `filter` is the row filter of the publication, SQL over the table's columns. */
function conditions(filter: string | null): string[] {
  return filter === null ? [] : [`(${filter})`];
}

function copy(select: string): string {
  return `COPY (${select}) TO STDOUT`;
}

function textArray(texts: readonly string[]): string {
  const items = texts.map((text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`);
  return `${literal(`{${items.join(",")}}`)}::text[]`;
}
