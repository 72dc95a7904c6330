import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { errnoOf } from "./connection-error.ts";
import type { Queryable } from "./connection.ts";
import { quote } from "./key-column.ts";
import type { Matter } from "./managed.ts";

/** The privilege on the table, or on one of its columns. */
const DENIED: ReadonlySet<number> = new Set([1142, 1143]);

/** Those of some tables of which the user may not read some column. @throws MillraceError */
export async function unreadableOf(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<readonly TableShape[]> {
  const unreadable: TableShape[] = [];
  for (const table of tables) if (!(await mayRead(client, table))) unreadable.push(table);
  return unreadable;
}

async function mayRead(client: Queryable, { schema, name, columns }: TableShape): Promise<boolean> {
  try {
    const selected = columns.map((column) => quote(column.name)).join(", ");
    await client.query(`SELECT ${selected} FROM ${quote(schema)}.${quote(name)} LIMIT 0`);
    return true;
  } catch (error) {
    if (DENIED.has(errnoOf(error) ?? 0)) return false;
    throw error;
  }
}

/** Refuses tables whose rows a load could not read, or not all of them. @throws MillraceError MR_SOURCE_REFUSED */
export async function refuseUnreadable(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<void> {
  const [table] = await unreadableOf(client, tables);
  if (table === undefined) return;
  const [me] = await client.query("SELECT CURRENT_USER()");
  const user = me?.[0] ?? "";
  const { what, follows, remedy } = unreadableMatter(table, user);
  throw new MillraceError("MR_SOURCE_REFUSED", `${what} ${follows}`, { remedy });
}

/** The user may not read a table. */
export function unreadableMatter(
  { id, schema, name }: Pick<TableShape, "id" | "schema" | "name">,
  user: string,
): Matter {
  return {
    what: `User ${user} may not read ${id}.`,
    follows: "It cannot be loaded.",
    remedy: `GRANT SELECT ON ${quote(schema)}.${quote(name)} TO ${grantee(user)};`,
  };
}

/** `name@host`, as GRANT takes it. */
export function grantee(user: string): string {
  const at = user.lastIndexOf("@");
  return [user.slice(0, at), user.slice(at + 1)]
    .map((part) => `'${part.replaceAll("'", "''")}'`)
    .join("@");
}
