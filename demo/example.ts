import { readFile } from "node:fs/promises";

/** A line of an example, and what stands there in its place. */
export type ChangedLine = readonly [theirs: string, ours: string];

/** A file of `examples/` with the addresses of this machine's servers. */
export async function exampleWith(name: string, lines: readonly ChangedLine[]): Promise<string> {
  let text = await readFile(new URL(`../examples/${name}`, import.meta.url), "utf8");
  for (const [theirs, ours] of lines) {
    if (!text.includes(theirs)) throw new Error(`the example has no line "${theirs}"`);
    text = text.replace(theirs, () => ours);
  }
  return text;
}

/** One spelling of a key, whatever the order and the spaces of its JSON. */
export function normalisedKey(key: string): string {
  const entries = Object.entries(JSON.parse(key) as Readonly<Record<string, unknown>>);
  return JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
