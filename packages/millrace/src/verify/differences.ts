import type { HashedRow, KeyTexts } from "./side.ts";

/** How a row differs: the target lacks it, only the target has it, or its values are not the same. */
export type DifferenceKind = "missing" | "extra" | "different";

/** A key whose rows were not the same when they were looked at; it may only have been on its way. */
export interface Suspect {
  readonly key: KeyTexts;
}

/** Compares two sets of rows by key. */
export function compareRows(
  source: readonly HashedRow[],
  target: readonly HashedRow[],
): readonly Suspect[] {
  const targets = new Map(target.map((row) => [keyName(row.key), row]));
  const suspects: Suspect[] = [];
  for (const row of source) {
    const name = keyName(row.key);
    if (targets.get(name)?.hash !== row.hash) suspects.push({ key: row.key });
    targets.delete(name);
  }
  for (const { key } of targets.values()) suspects.push({ key });
  return suspects;
}

/** One text per key. */
export function keyName(key: KeyTexts): string {
  return JSON.stringify(key);
}

/** What kind of difference two hashes are; null where there is none. `undefined` stands for no row. */
export function kindOf(
  source: string | undefined,
  target: string | undefined,
): DifferenceKind | null {
  if (source === target) return null;
  if (target === undefined) return "missing";
  return source === undefined ? "extra" : "different";
}
