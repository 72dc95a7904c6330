import pg from "pg";
import type { SampleTable } from "./schema.ts";
import { insertRange, preamble, sampleTables } from "./schema.ts";

/** `n` of initial rows ends below this; writers begin here. */
export const firstFreeN = 1_000_000;

/** Makes the schema in an empty database and fills it with the initial rows. */
export async function buildSource(
  url: string,
  tables: readonly SampleTable[] = sampleTables,
): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query([...preamble, ...tables.flatMap(({ ddl }) => ddl)].join(";\n"));
    for (const table of tables) {
      if (table.initialRows > 0) await client.query(insertRange(table, 1, table.initialRows));
    }
    await client.query("ANALYZE");
  } finally {
    await client.end();
  }
}
