// Raw multi-row statements over pg with array literals of this file's own: what the sink's server takes when nothing
// but the statements is in the way. It shares no code with the engine.
import pg from "pg";
import { COLUMNS } from "../workload.ts";

const NAMES = COLUMNS.map(([name]) => `"${name}"`).join(", ");
const UNNEST = COLUMNS.map(([, type], i) => `$${i + 1}::${type}[]`).join(", ");
const SET = COLUMNS.slice(1)
  .map(([name]) => `"${name}" = excluded."${name}"`)
  .join(", ");

/** The two statements that are measured. */
export const STATEMENTS = {
  insert: `INSERT INTO items (${NAMES}) SELECT * FROM unnest(${UNNEST})`,
  upsert: `INSERT INTO items (${NAMES}) SELECT * FROM unnest(${UNNEST}) ON CONFLICT ("id") DO UPDATE SET ${SET}`,
} as const;

/** One batch: ten array literals. */
export type Literals = readonly string[];

/** Reads the source's rows as text and cuts them into batches of array literals. */
export async function literalsOf(client: pg.Client, batchRows: number): Promise<Literals[]> {
  const columns = COLUMNS.map(([name]) => `"${name}"::text`).join(", ");
  const { rows } = await client.query<string[]>({
    text: `SELECT ${columns} FROM items ORDER BY id`,
    rowMode: "array",
  });
  const batches: Literals[] = [];
  for (let from = 0; from < rows.length; from += batchRows) {
    const batch = rows.slice(from, from + batchRows);
    batches.push(
      COLUMNS.map((_, i) => `{${batch.map((row) => quoted(row[i] ?? null)).join(",")}}`),
    );
  }
  return batches;
}

function quoted(value: string | null): string {
  return value === null ? "NULL" : `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Sends all batches over `connections` connections at once; gives seconds. */
export async function send(
  config: pg.ClientConfig,
  statement: keyof typeof STATEMENTS,
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
        await client.query({ name: statement, text: STATEMENTS[statement], values: [...batch] });
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(clients.map((client) => client.end()));
  return seconds;
}
