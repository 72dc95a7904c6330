/**
 * Rows that the running transaction has changed, by PostgreSQL's own count: that knows of all writers in a statement, and of
 * the rows that foreign keys cascade to (source CT: they count).
 */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import type { Statement } from "../gate/statement.ts";
import { readRow } from "../postgres/rows.ts";
import type { CommandRunner } from "./measure.ts";
import type { TableFacts } from "./table-facts.ts";

/** Rows of one table. */
export interface Changed {
  /** Inserted or updated. */
  readonly written: number;
  readonly deleted: number;
}

/** Those of all tables, by table. */
export type ChangedRows = ReadonlyMap<TableKey, Changed>;

/** Before anything was changed. */
export const nothingChanged: ChangedRows = new Map();

const SQL = `SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
  WHERE n_tup_ins + n_tup_upd + n_tup_del > 0`;

/**
 * All that the session has changed lately, and tried to: what was rolled back is among it, and what earlier transactions did
 * and PostgreSQL has not yet put down.
 */
export async function changedRows(runner: CommandRunner): Promise<ChangedRows> {
  const answer = await runner.command(SQL);
  return new Map(
    answer.rows.map(readRow).map(([table, written, deleted]) => {
      return [table ?? "", { written: Number(written), deleted: Number(deleted) }];
    }),
  );
}

/** What was changed between two looks. */
export function changedSince(before: ChangedRows, now: ChangedRows): ChangedRows {
  const changed = new Map<TableKey, Changed>();
  for (const [table, { written, deleted }] of now) {
    const { written: wrote = 0, deleted: had = 0 } = before.get(table) ?? {};
    if (written > wrote || deleted > had) {
      changed.set(table, { written: written - wrote, deleted: deleted - had });
    }
  }
  return changed;
}

/** How many rows these are. */
export function totalOf(changed: ChangedRows): number {
  let total = 0;
  for (const { written, deleted } of changed.values()) total += written + deleted;
  return total;
}

/** Whether rows of other tables may change with those that a statement changes in a table. */
export function cascades({ deletes, updatedColumns }: Statement, facts: TableFacts): boolean {
  if (deletes && facts.cascadesDeletes) return true;
  return facts.cascadingColumns.some((column) => updatedColumns.includes(column));
}
