import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { errnoOf } from "./connection-error.ts";
import type { Queryable } from "./connection.ts";
import { quote } from "./key-column.ts";

/** The privilege on the table, or on one of its columns. */
const DENIED: ReadonlySet<number> = new Set([1142, 1143]);

/** Refuses tables whose rows a load could not read, or not all of them. @throws MillraceError MR_SOURCE_REFUSED */
export async function refuseUnreadable(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<void> {
  for (const { id, schema, name, columns } of tables) {
    const table = `${quote(schema)}.${quote(name)}`;
    try {
      const selected = columns.map((column) => quote(column.name)).join(", ");
      await client.query(`SELECT ${selected} FROM ${table} LIMIT 0`);
    } catch (error) {
      if (!DENIED.has(errnoOf(error) ?? 0)) throw error;
      const [user] = await client.query("SELECT CURRENT_USER()");
      throw new MillraceError("MR_SOURCE_REFUSED", `the user may not read ${id}`, {
        remedy: `An administrator runs: GRANT SELECT ON ${table} TO ${grantee(user?.[0] ?? "")};`,
      });
    }
  }
}

/** `name@host`, as GRANT takes it. */
function grantee(user: string): string {
  const at = user.lastIndexOf("@");
  return [user.slice(0, at), user.slice(at + 1)]
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join("@");
}
