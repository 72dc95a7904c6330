import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import type { Queryable } from "./catalogue.ts";
import { quote } from "./table-plan.ts";

const RIGHTS_SQL = `
SELECT current_user AS role, c.oid::text AS oid, pg_catalog.row_security_active(c.oid) AS filtered,
  pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND (
    pg_catalog.has_table_privilege(c.oid, 'SELECT') OR NOT EXISTS (
      SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))) AS readable
FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[])`;

interface RightsRow {
  readonly role: string;
  readonly oid: string;
  readonly readable: boolean;
  readonly filtered: boolean;
}

/** Refuses tables whose rows a load could not read, or not all of them. @throws MillraceError MR_SOURCE_REFUSED */
export async function refuseUnreadable(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<void> {
  if (tables.length === 0) return;
  const oids = tables.map(({ identity }) => identity);
  const { rows } = await client.query<RightsRow>(RIGHTS_SQL, [oids]);
  const byOid = new Map(rows.map((row) => [row.oid, row]));
  for (const { id, identity, schema, name } of tables) {
    const rights = byOid.get(identity);
    if (rights === undefined || (rights.readable && !rights.filtered)) continue;
    const role = quote(rights.role);
    const [wrong, sql] = rights.readable
      ? ["policies filter what it reads of", `ALTER ROLE ${role} BYPASSRLS`]
      : [
          "it may not read",
          `GRANT USAGE ON SCHEMA ${quote(schema)} TO ${role}; GRANT SELECT ON ${quote(schema)}.${quote(name)} TO ${role}`,
        ];
    const detail = `role ${role}: ${wrong} ${id}. An administrator runs, in this database: ${sql};`;
    throw new MillraceError("MR_SOURCE_REFUSED", detail);
  }
}
