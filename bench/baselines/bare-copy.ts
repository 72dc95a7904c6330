// Tables made and filled by COPY from one server to another, over a few pairs of connections; what COPY tells goes on as it comes.
// A program; it shares no code with the engine.
import { json } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";

/** One stretch: two statements of COPY. */
export interface BareCopy {
  readonly read: string;
  readonly write: string;
}

/** What it is given, as JSON. */
export interface BareCopying {
  readonly source: string;
  readonly target: string;
  readonly definitions: readonly string[];
  readonly copies: readonly BareCopy[];
  readonly connections: number;
}

const { source, target, definitions, copies, connections } = (await json(
  process.stdin,
)) as BareCopying;
const [from, to] = [source, target].map((url) =>
  postgres(url, { max: connections, onnotice: () => undefined }),
) as [postgres.Sql, postgres.Sql];
for (const definition of definitions) await to.unsafe(definition);

let next = 0;
await Promise.all(
  Array.from({ length: connections }, async () => {
    for (let copy = copies[next++]; copy !== undefined; copy = copies[next++])
      await pipeline(
        await from.unsafe(copy.read).readable(),
        await to.unsafe(copy.write).writable(),
      );
  }),
);
await Promise.all([from.end(), to.end()]);
process.stdout.write(JSON.stringify({ mib: process.resourceUsage().maxRSS / 1024 }));
