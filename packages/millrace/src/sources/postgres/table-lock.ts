import type { TableShape } from "../../model/table.ts";
import type { Queryable } from "./catalogue.ts";
import { sqlStateOf } from "./connection-error.ts";
import { readTablePlan, tableChanged, type TablePlan } from "./table-plan.ts";

/** Files of a table or of all its leaves: a rewrite (ALTER TYPE, TRUNCATE, VACUUM FULL) changes them. */
const FILES_SQL = `
SELECT pg_catalog.string_agg(l.oid::text || ':' || l.relfilenode::text, ' ' ORDER BY l.oid) AS files
FROM (SELECT $1::oid AS relid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree($1::oid) p) part
  JOIN pg_catalog.pg_class l ON l.oid = part.relid`;

/**
 * Makes a table safe to read in an old snapshot, and says how.
 *
 * ALTER TABLE and TRUNCATE do not keep old snapshots in mind: a table that was rewritten after the snapshot reads as
 * empty, and one whose columns were renamed reads the wrong ones. So the table is locked against DDL (ACCESS SHARE, as
 * any SELECT does), then looked at from outside of the snapshot, and its files are compared with those that the
 * snapshot knows.
 * @throws MillraceError MR_SOURCE_TABLE_CHANGED
 */
export async function lockForReading(
  snapshot: Queryable,
  present: Queryable,
  shape: TableShape,
  filter: string | null,
): Promise<TablePlan> {
  const named = await readTablePlan(present, shape, filter);
  await lock(snapshot, shape, named);
  const plan = await readTablePlan(present, shape, filter);
  const now = await filesOf(present, shape);
  const then = await filesOf(snapshot, shape);
  if (plan.name !== named.name) throw tableChanged(shape, "the table is being renamed");
  if (now !== then)
    throw tableChanged(shape, "the table was rewritten after the snapshot was taken");
  return plan;
}

async function lock(snapshot: Queryable, shape: TableShape, plan: TablePlan): Promise<void> {
  try {
    await snapshot.query(`LOCK TABLE ${plan.from} IN ACCESS SHARE MODE`);
  } catch (error) {
    if (sqlStateOf(error) !== "42P01") throw error;
    throw tableChanged(shape, "the table was renamed or dropped");
  }
}

async function filesOf(client: Queryable, shape: TableShape): Promise<string | null> {
  const { rows } = await client.query<{ files: string | null }>(FILES_SQL, [shape.identity]);
  return rows[0]?.files ?? null;
}
