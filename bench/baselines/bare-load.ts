// A table written again page by page: a SELECT of the next keys and one upsert, over a few pairs of connections. A program; it
// shares no code with the engine.
import { json } from "node:stream/consumers";
import pg from "pg";
import { literalsOf, statementsFor } from "./raw-upserts.ts";

/** What it is given, as JSON. */
export interface BareLoading {
  readonly source: string;
  readonly target: string;
  readonly table: string;
  /** Of which the first is the key, whose values are the numbers from 1 to `rows`. */
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly rows: number;
  readonly pageRows: number;
  readonly connections: number;
}

const { source, target, table, columns, rows, pageRows, connections } = (await json(
  process.stdin,
)) as BareLoading;
const { upsert } = statementsFor(columns, table);
const names = columns.map(([name]) => `"${name}"::text`).join(", ");
const key = columns[0]?.[0] ?? "";
const select = `SELECT ${names} FROM ${table} WHERE ${key} >= $1 AND ${key} < $2 ORDER BY ${key}`;
let next = 1;

await Promise.all(
  Array.from({ length: connections }, async () => {
    const [from, to] = [source, target].map((url) => new pg.Client({ connectionString: url }));
    await Promise.all([from?.connect(), to?.connect()]);
    for (let first = next; first <= rows; first = next) {
      next += pageRows;
      const page = { name: "page", text: select, rowMode: "array" } as const;
      const read = await from?.query<(string | null)[]>({ ...page, values: [first, next] });
      const [literals = []] = literalsOf(read?.rows ?? [], pageRows);
      await to?.query({ name: "raw", text: upsert, values: [...literals] });
    }
    await Promise.all([from?.end(), to?.end()]);
  }),
);
process.stdout.write("{}");
