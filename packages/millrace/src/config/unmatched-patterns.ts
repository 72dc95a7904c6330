import type { UnmatchedPattern } from "../model/uncaptured.ts";
import { partFor, type TablePattern, type TablePatterns } from "../schema/table-pattern.ts";
import { nearestName } from "./nearest-name.ts";

/** What means itself in a pattern. */
const PLAIN = /^[\p{L}\p{N}_$ -]+$/u;
/** A name of fewer letters is near to any other. */
const LEAST_LETTERS = 3;
/** Pairs of an item and a name that are compared: that is done in one go, in which nothing else runs. */
const MOST_COMPARED = 100_000;

/**
 * The items of a list that none of these names matches, and what was probably meant; of many items over many names only by
 * the first. Names have all parts that items have.
 */
export function unmatchedPatterns(
  { items }: Pick<TablePatterns, "items">,
  names: readonly (readonly string[])[],
): readonly UnmatchedPattern[] {
  const compared = Math.max(1, Math.floor(MOST_COMPARED / names.length));
  return items
    .filter((item) => !names.some((name) => matches(item, name)))
    .map((item, n) => ({
      text: item.parts.join("."),
      meant: n < compared ? meantBy(item, names) : null,
    }));
}

function matches(item: TablePattern, name: readonly string[]): boolean {
  // The table's first: many have its schema.
  for (let at = item.parts.length - 1; at >= 0; at--)
    if (!item.matchesPart(at, name[at] ?? "")) return false;
  return true;
}

/** The pattern with the one part replaced that no name has: the table's first, which is mistyped most. */
function meantBy(item: TablePattern, names: readonly (readonly string[])[]): string | null {
  for (let at = item.parts.length - 1; at >= 0; at--) {
    const nearest = nearestPart(item, names, at);
    if (nearest !== null) return item.parts.with(at, partFor(nearest)).join(".");
  }
  return null;
}

function nearestPart(
  item: TablePattern,
  names: readonly (readonly string[])[],
  at: number,
): string | null {
  const written = item.parts[at] ?? "";
  if (!PLAIN.test(written)) return null;
  const fixed = item.parts.flatMap((_, index) => (index === at ? [] : [index]));
  const known = names
    .filter((name) => fixed.every((index) => item.matchesPart(index, name[index] ?? "")))
    .map((name) => name[at] ?? "");
  const near = [...new Set(known)];
  if (written.length < LEAST_LETTERS)
    return near.find((name) => name.toLowerCase() === written.toLowerCase()) ?? null;
  return nearestName(written, near) ?? onlyHolder(item, near, at);
}

/** The one schema that has a table of this name. */
function onlyHolder(
  { parts }: TablePattern,
  holders: readonly string[],
  at: number,
): string | null {
  const isHolder = at < parts.length - 1 && PLAIN.test(parts.at(-1) ?? "");
  return isHolder && holders.length === 1 ? (holders[0] ?? null) : null;
}
