/**
 * A gap between PostgreSQL's repeatable read and snapshot isolation: a key that the snapshot sees,
 * but that another transaction has deleted since, may be inserted again without any conflict.
 * Aurora DSQL checks keys against the snapshot, and the row's deletion against COMMIT.
 */
import type { Statement } from "../gate/statement.ts";
import { identifier, literal, readRow } from "../postgres/rows.ts";
import type { Answer } from "../session/answer.ts";
import type { TableKey } from "./catalogue-versions.ts";

/** Looking through a larger table would cost more than this corner is worth. */
const MAX_TABLE_BYTES = 16 * 1024 * 1024;

/** When rows of a table were last deleted, by the number of the COMMIT. */
export class Deletions {
  readonly #lastCommit = new Map<TableKey, number>();

  /** Notes that the COMMIT of this number deletes rows, or keys, of a table. */
  note(table: TableKey, commit: number): void {
    this.#lastCommit.set(table, commit);
  }

  /** Whether a COMMIT behind this number deleted rows of the table. */
  since(table: TableKey, commit: number): boolean {
    return (this.#lastCommit.get(table) ?? 0) > commit;
  }
}

/** Whether a statement deletes rows, or changes keys of a table with these key columns. */
export function removesKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  return statement.deletes || changesKeys(statement, keyColumns);
}

/** Whether a statement inserts rows, or changes keys of a table with these key columns. */
export function bringsKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  return statement.inserts || changesKeys(statement, keyColumns);
}

function changesKeys(statement: Statement, keyColumns: readonly string[]): boolean {
  return statement.updatedColumns.some((column) => keyColumns.includes(column));
}

/** What the look needs of the worker. */
interface CommandRunner {
  command(sql: string): Promise<Answer>;
}

/** Whether the running transaction wrote a key of which its snapshot still sees another row. */
export async function hasResurrectedKey(runner: CommandRunner, table: TableKey): Promise<boolean> {
  const dot = table.indexOf(".");
  const name = `${identifier(table.slice(0, dot))}.${identifier(table.slice(dot + 1))}`;
  const keys = await runner.command(`
    SELECT string_agg(format('old.%1$I = new.%1$I', a.attname), ' AND ')
    FROM pg_index AS i JOIN pg_attribute AS a
      ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
    WHERE i.indrelid = to_regclass(${literal(name)}) AND i.indisunique
      AND i.indpred IS NULL AND i.indexprs IS NULL AND pg_table_size(i.indrelid) <= ${MAX_TABLE_BYTES}
    GROUP BY i.indexrelid`);
  for (const frame of keys.rows) {
    const same = readRow(frame)[0] ?? "false";
    const found = await runner.command(
      `SELECT 1 FROM ${name} AS new WHERE ${isOwn("new")} AND EXISTS (
         SELECT 1 FROM ${name} AS old WHERE ${same} AND NOT (${isOwn("old")})) LIMIT 1`,
    );
    if (found.rows.length > 0) return true;
  }
  return false;
}

function isOwn(row: string): string {
  return `age(${row}.xmin) <= age(pg_current_xact_id()::xid)`;
}
