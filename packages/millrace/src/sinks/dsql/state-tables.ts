import { MillraceError } from "../../errors/millrace-error.ts";
import { tableId } from "../../model/table.ts";
import { readIdentities, schemaExists } from "./catalogue.ts";
import { createSchemaText, runDdl } from "./ddl.ts";
import { classify } from "./errors.ts";
import type { SinkConnection } from "./sink-connection.ts";
import type { StateStatements } from "./state-statements.ts";
import { STATE_VERSION } from "./state-statements.ts";

/**
 * Makes the schema and the tables that hold a pipeline's state, where they are missing. Several tasks may start at
 * once: who loses a race gets MR_SINK_CONFLICT and looks again.
 */
export async function ensureStateTables(
  connection: SinkConnection,
  statements: StateStatements,
): Promise<void> {
  const { schema } = statements;
  try {
    // Mostly all are there, and one question tells: a start has many, and a share of a topic's is a start of its own.
    const there = await readIdentities(connection, tablesOf(statements));
    const missing = statements.tables.filter(({ name }) => !there.has(tableId(schema, name)));
    if (there.size === 0 && !(await schemaExists(connection, schema))) {
      await runDdl(connection, createSchemaText(schema), `creating schema ${schema}`);
    }
    for (const { name, ddl } of missing) {
      await runDdl(connection, `CREATE TABLE IF NOT EXISTS ${ddl}`, `creating ${schema}.${name}`);
    }
    await checkVersion(connection, statements);
  } catch (error) {
    throw classify(error, { doing: `preparing schema ${schema}` });
  }
}

function tablesOf({ schema, tables }: StateStatements) {
  return tables.map(({ name }) => ({ schema, name }));
}

/** State that a newer Millrace wrote may mean things that this one does not know. */
async function checkVersion(
  connection: SinkConnection,
  statements: StateStatements,
): Promise<void> {
  const rows = await connection.query(statements.readVersion);
  const found = rows[0]?.[0] ?? null;
  if (found === null)
    return void (await connection.query(statements.putVersion, [String(STATE_VERSION)]));
  if (Number(found) > STATE_VERSION) {
    const detail = `schema ${statements.schema} holds state of version ${found}; this Millrace knows ${STATE_VERSION}`;
    throw new MillraceError("MR_SINK_REFUSED", detail);
  }
}
