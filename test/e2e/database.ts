import { postgresDialect } from "./postgres-dialect.ts";
import { insertRange, type SampleTable } from "./sample-table.ts";
import { preamble, sampleTables } from "./schema.ts";
import { openClient } from "./sql-client.ts";

/** `n` of initial rows ends below this; writers begin here. */
export const firstFreeN = 1_000_000;

/** Makes the schema in an empty database and fills it with the initial rows. */
export async function buildSource(
  url: string,
  tables: readonly SampleTable[] = sampleTables,
): Promise<void> {
  const client = await openClient(url);
  const isPostgres = tables.every(({ dialect }) => dialect === postgresDialect);
  try {
    const before = isPostgres ? preamble : [];
    await client.query([...before, ...tables.flatMap(({ ddl }) => ddl)].join(";\n"));
    for (const table of tables) {
      if (table.initialRows > 0) await client.query(insertRange(table, 1, table.initialRows));
    }
    if (isPostgres) await client.query("ANALYZE");
  } finally {
    await client.end();
  }
}
