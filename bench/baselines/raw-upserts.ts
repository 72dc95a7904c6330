// Raw multi-row statements over pg with array literals of this file's own: what the sink's server takes when nothing
// but the statements is in the way. It shares no code with the engine.
import pg from "pg";

/** What is sent: rows as array literals. */
export interface RawStatements {
  /** For rows that are not there yet. */
  readonly insert: string;
  readonly upsert: string;
}

/** The two statements for a table of these columns, the first of which is the key. */
export function statementsFor(
  columns: readonly (readonly [name: string, type: string])[],
  table = "items",
): RawStatements {
  const names = columns.map(([name]) => `"${name}"`);
  const arrays = columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(", ");
  const set = names.slice(1).map((name) => `${name} = excluded.${name}`);
  const insert = `INSERT INTO ${table} (${names.join(", ")}) SELECT * FROM unnest(${arrays})`;
  return {
    insert,
    upsert: `${insert} ON CONFLICT (${names[0] ?? ""}) DO UPDATE SET ${set.join(", ")}`,
  };
}

/** One batch: an array literal of each column. */
export type Literals = readonly string[];

/** Cuts rows of text into batches of array literals. */
export function literalsOf(
  rows: readonly (readonly (string | null)[])[],
  batchRows: number,
): Literals[] {
  const batches: Literals[] = [];
  for (let from = 0; from < rows.length; from += batchRows) {
    const batch = rows.slice(from, from + batchRows);
    const columns = Array.from({ length: batch[0]?.length ?? 0 }, (_, column) =>
      batch.map((row) => quoted(row[column] ?? null)).join(","),
    );
    batches.push(columns.map((values) => `{${values}}`));
  }
  return batches;
}

function quoted(value: string | null): string {
  return value === null ? "NULL" : `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Sends all batches over `connections` connections at once; gives seconds. */
export async function send(
  config: pg.ClientConfig,
  text: string,
  batches: readonly Literals[],
  connections: number,
): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client(config);
      await client.connect();
      return client;
    }),
  );
  const began = performance.now();
  let next = 0;
  await Promise.all(
    clients.map(async (client) => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++])
        await client.query({ name: "raw", text, values: [...batch] });
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(clients.map((client) => client.end()));
  return seconds;
}
