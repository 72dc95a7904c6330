import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { TargetTable } from "../../model/table.ts";
import { classify, sqlStateOf } from "./errors.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import type { SinkConnection } from "./sink-connection.ts";

/**
 * States that say that somebody else was faster: it exists already, or it is gone already. The catalogue is compared
 * again and decides.
 */
const OVERTAKEN = new Set(["42P07", "42701", "42710", "42P06", "42703", "42P01", "23505", "42723"]);

/**
 * Runs one DDL statement as a transaction of its own, as DSQL wants it.
 * @throws MillraceError MR_SINK_CONFLICT where another session was faster.
 */
export async function runDdl(
  connection: SinkConnection,
  sql: string,
  doing: string,
): Promise<void> {
  failpoint("sink.before-ddl");
  try {
    await connection.query(sql);
  } catch (error) {
    const state = sqlStateOf(error);
    if (state !== null && OVERTAKEN.has(state)) {
      throw new MillraceError("MR_SINK_CONFLICT", `${doing}: the catalogue changed meanwhile`, {
        facts: { sqlState: state },
      });
    }
    throw classify(error, { doing, ddl: true });
  }
  failpoint("sink.after-ddl");
}

/** `CREATE SCHEMA`; whether it is there is asked before, because not every role may create one. */
export function createSchemaText(schema: string): string {
  return `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)}`;
}

/**
 * Only the key is NOT NULL (`type-mapping.ts`). Without IF NOT EXISTS: one that somebody has made since the look may have other
 * columns, and has to be compared.
 */
export function createTableText(table: TargetTable): string {
  const columns = table.columns.map(
    (column) => `${quoteName(column.name)} ${column.type}${column.nullable ? "" : " NOT NULL"}`,
  );
  const key = table.key.map((index) => quoteName(table.columns[index]?.name ?? "")).join(", ");
  return `CREATE TABLE ${quoteTable(table)} (${columns.join(", ")}, PRIMARY KEY (${key}))`;
}
