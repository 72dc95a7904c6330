/** What a topic tells of rows that are counted up, and what is wrong with it. */
import { consoleMessages } from "./console-consumer.ts";

interface Envelope {
  readonly op: string;
  readonly after: { readonly id: number; readonly n: number } | null;
}

/** What became of a key, in the order of its messages: counts that the log tells, the least that loads told and how often they did, and the last of all. */
interface KeyCounts {
  readonly logged: number[];
  leastLoaded: number | null;
  loads: number;
  last: number;
}

/** What a topic is told with. */
export type Guarantee = "exactly-once" | "at-least-once";

/** Gives the values of a topic's committed messages, in the order of each partition. */
type TopicReader = (bootstrap: string, topic: string) => Promise<readonly string[]>;

interface CountsOptions {
  /** `at-least-once`: a key may begin anew from any count that it had, and then tells all behind it again. */
  readonly guarantee?: Guarantee;
  readonly read?: TopicReader;
  /** How often the table was loaded: each load tells a row once where all is told once. */
  readonly loads?: number;
  /** What the topic's name begins with. */
  readonly schema?: string;
}

/** By key; a plain consumer's view, committed messages only. */
export async function countsIn(
  bootstrap: string,
  topic: string,
  read: TopicReader = consoleMessages,
): Promise<ReadonlyMap<number, KeyCounts>> {
  const counts = new Map<number, KeyCounts>();
  for (const value of await read(bootstrap, topic)) {
    const { op, after = null } = JSON.parse(value) as Partial<Envelope>;
    if (after === null) continue;
    const key = counts.get(after.id) ?? { logged: [], leastLoaded: null, loads: 0, last: 0 };
    counts.set(after.id, key);
    key.last = after.n;
    // A row that was loaded may be told before or behind changes that it holds already.
    if (op !== "r") key.logged.push(after.n);
    else {
      key.loads++;
      key.leastLoaded = Math.min(after.n, key.leastLoaded ?? after.n);
    }
  }
  return counts;
}

/**
 * Each count follows on the one before, the first on what was loaded, once, and the last is the row's: a line for each key of which
 * that is not so.
 */
export async function wrongCounts(
  source: { query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> },
  table: string,
  bootstrap: string,
  options: CountsOptions = {},
): Promise<readonly string[]> {
  const { read = consoleMessages, schema = "public", guarantee = "exactly-once" } = options;
  const mostLoads = guarantee === "exactly-once" ? (options.loads ?? 1) : Infinity;
  const rows = await source.query(`SELECT id, n FROM ${table} ORDER BY id`);
  const counts = await countsIn(bootstrap, `${schema}.${table}`, read);
  const wrong = rows.flatMap((row) => {
    const [id, n] = [Number(row["id"]), Number(row["n"])];
    const { logged = [], leastLoaded = null, loads = 0, last = null } = counts.get(id) ?? {};
    const begin = leastLoaded ?? (logged[0] ?? 1) - 1;
    const breaks = logged.flatMap((count, i) => {
      const before = logged[i - 1] ?? begin;
      const isAgain = guarantee === "at-least-once" && count <= before;
      // The log may begin with changes that the load has seen.
      const isSeen = i === 0 && count <= begin;
      return count === before + 1 || isAgain || isSeen ? [] : [`${before} then ${count}`];
    });
    if (loads > mostLoads) breaks.push(`${loads} rows of loads`);
    const isWhole = logged.length === 0 || logged.at(-1) === n;
    return last === n && breaks.length === 0 && isWhole
      ? []
      : [`key ${id} is at ${n}, the topic ends with ${last} and tells ${breaks.join(", ")}`];
  });
  return counts.size === rows.length
    ? wrong
    : [...wrong, `the topic has ${counts.size} keys, and the table ${rows.length}`];
}
