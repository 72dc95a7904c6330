// The least that a copy can do: a bare reader of a slot, and one upsert for each transaction over a few connections. A program;
// it shares no code with the engine.
import { json } from "node:stream/consumers";
import pg from "pg";
import type { BareSlot } from "./bare-log.ts";
import { readBareRows } from "./bare-rows.ts";
import { literalsOf, statementsFor, type Literals } from "./raw-upserts.ts";

/** What it is given, as JSON. */
export interface BareMirroring extends BareSlot {
  readonly target: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly connections: number;
}

const { target, columns, connections, ...slot } = (await json(process.stdin)) as BareMirroring;
const { upsert } = statementsFor(columns);
const waiting: Literals[] = [];

const free = await Promise.all(
  Array.from({ length: connections }, async () => {
    const client = new pg.Client({ connectionString: target });
    await client.connect();
    return client;
  }),
);

async function write(client: pg.Client, first: Literals): Promise<void> {
  for (let next: Literals | undefined = first; next !== undefined; next = waiting.shift())
    await client.query({ name: "raw", text: upsert, values: [...next] });
  free.push(client);
}

await readBareRows(slot, (rows) => {
  const [literals = []] = literalsOf(rows, rows.length);
  const client = free.pop();
  if (client === undefined) waiting.push(literals);
  else void write(client, literals);
});
process.stdout.write("reads\n");
