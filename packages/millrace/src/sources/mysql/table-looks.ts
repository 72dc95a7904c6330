import type { TableLook, TableStanding } from "../../model/source.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import type { Queryable } from "./connection.ts";

/** A table, and what was known of it at the last look. */
export interface Looked {
  readonly shape: TableShape;
  readonly standing: TableStanding;
}

/** Every table's changes are in the server's one log. */
const CARRIER = "log";

/**
 * Looks for tables that are gone without our log's saying so: those that nobody has read the log of since. The log tells
 * all else, in its place between the rows.
 */
export async function lookAtTables(
  client: Queryable,
  tables: readonly Looked[],
): Promise<readonly TableLook[]> {
  const unread = tables.filter(({ standing }) => standing.carrier === null);
  const there = await readNames(client, unread);
  return tables.map(({ shape: { id }, standing: { carrier } }) => ({
    id,
    being: carrier !== null || there.has(id) ? "there" : "gone",
    carrier: CARRIER,
    parts: null,
    lost: null,
    rows: "same",
    moved: false,
    shape: null,
  }));
}

async function readNames(
  client: Queryable,
  tables: readonly Looked[],
): Promise<ReadonlySet<TableId>> {
  if (tables.length === 0) return new Set();
  const names = tables.map(() => "(?, ?)").join(", ");
  const rows = await client.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) IN (${names})`,
    tables.flatMap(({ shape: { schema, name } }) => [schema, name]),
  );
  return new Set(rows.map(([schema, name]) => tableId(schema ?? "", name ?? "")));
}
