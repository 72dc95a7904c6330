import type { RefusedTable } from "../../model/source.ts";
import { tableId, type TableId, type TableShape } from "../../model/table.ts";
import { errnoOf } from "./connection-error.ts";
import type { Queryable } from "./connection.ts";
import { quote } from "./key-column.ts";
import { parseServerVersion } from "./server-version.ts";

/** A table or a column that may not be read; no such table. */
const GONE: ReadonlySet<number> = new Set([1142, 1143, 1146]);

/** Actions of a foreign key that change or delete its own rows. */
const CASCADES = /ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)/;

/**
 * Tables whose rows a foreign key changes without the log: MySQL writes what its engine cascades from 9.6 on, MariaDB
 * never does.
 */
export async function unloggedCascades(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<ReadonlySet<TableId>> {
  const settings = new Map((await client.query(SERVER_SQL)).map(([name, value]) => [name, value]));
  if (settings.get("innodb_native_foreign_keys") === "OFF") return new Set();
  const { flavor } = parseServerVersion(settings.get("version") ?? "");
  return flavor === "mariadb" ? readDefinitions(client, tables) : readRules(client);
}

const SERVER_SQL =
  "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'innodb_native_foreign_keys')";

async function readRules(client: Queryable): Promise<ReadonlySet<TableId>> {
  const rows = await client.query(
    `SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS
     WHERE DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT')`,
  );
  return new Set(rows.map(([schema, name]) => tableId(schema ?? "", name ?? "")));
}

/** MariaDB's information_schema hides foreign keys from a user who may only read. */
async function readDefinitions(
  client: Queryable,
  tables: readonly TableShape[],
): Promise<ReadonlySet<TableId>> {
  const found = new Set<TableId>();
  for (const { id, schema, name } of tables) {
    const sql = await definitionOf(client, `${quote(schema)}.${quote(name)}`);
    const lines = sql.split("\n").filter((line) => line.startsWith("  CONSTRAINT `"));
    if (lines.some((line) => CASCADES.test(line))) found.add(id);
  }
  return found;
}

/** Empty for a table that was dropped just now, or that the user may not read: that is told elsewhere. */
async function definitionOf(client: Queryable, table: string): Promise<string> {
  try {
    const [row] = await client.query(`SHOW CREATE TABLE ${table}`);
    return row?.[1] ?? "";
  } catch (error) {
    if (GONE.has(errnoOf(error) ?? 0)) return "";
    throw error;
  }
}

/** Why such a table is not captured unless the file says otherwise. */
export function cascadeRefusal({ id }: Pick<TableShape, "id">): RefusedTable {
  return {
    id,
    why: "a foreign key of it cascades (ON DELETE or ON UPDATE), and this server does not log what it does to the rows",
    remedy:
      "let the application delete the rows instead of the foreign key (ON DELETE RESTRICT), use MySQL 9.6 or later, or write unlogged-cascades: accept where parents are never deleted",
  };
}

/** What the operator should know who has accepted it. */
export const CASCADES_NOTICE =
  "What its foreign keys cascade is not in the log: such rows stay at the sink as they were until the table is loaded again.";
