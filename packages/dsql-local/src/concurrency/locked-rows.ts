/**
 * FOR UPDATE counts as a write at COMMIT (source CC), but a lock of PostgreSQL is gone once its
 * transaction has committed. So the rows that are still only locked are written, unchanged,
 * right before: whoever writes them from an older snapshot then meets that.
 */
import { identifier, literal, readRow } from "../postgres/rows.ts";
import type { Answer } from "../session/answer.ts";
import type { TableKey } from "./catalogue-versions.ts";

/** Looking through a larger table would cost more than this corner is worth. */
const MAX_TABLE_BYTES = 16 * 1024 * 1024;

/** What is needed of the worker. */
interface CommandRunner {
  command(sql: string): Promise<Answer>;
}

/**
 * Rows that the running transaction has locked and not written: a row's xmax is whoever locked it, or wrote a newer
 * version; rows written by this transaction have none in theirs. Who has committed meanwhile is somebody else.
 */
export function isHeld(row: string): string {
  const xmax = `${row}.xmax`;
  return `(${xmax} <> 0::text::xid AND age(${xmax}) <= age(pg_current_xact_id()::xid)
    AND coalesce(pg_xact_status(${xmax}::text::xid8), 'in progress') = 'in progress')`;
}

/** Writes the rows of a table that the running transaction has locked and not written. */
export async function markLockedRows(runner: CommandRunner, table: TableKey): Promise<void> {
  const dot = table.indexOf(".");
  const name = `${identifier(table.slice(0, dot))}.${identifier(table.slice(dot + 1))}`;
  const found = await runner.command(`
    SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.oid = to_regclass(${literal(name)}) AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.attidentity <> 'a'
      AND c.relkind = 'r' AND pg_table_size(c.oid) <= ${MAX_TABLE_BYTES}
    ORDER BY a.attnum LIMIT 1`);
  const [frame] = found.rows;
  if (frame === undefined) return;
  const column = identifier(readRow(frame)[0] ?? "");
  await runner.command(
    `UPDATE ${name} AS held SET ${column} = held.${column} WHERE ${isHeld("held")}`,
  );
}
