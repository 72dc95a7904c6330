import { createHash } from "node:crypto";
import { interpolate, type Surroundings } from "./interpolate.ts";
import type { Node } from "./tree.ts";

/**
 * What each option of a file says, with its references filled in, by its path such as `sink.port` or
 * `route[0].sink-table`: so that two readings of a file can be compared. Hashes, for some of it is secret.
 */
export function givenOptions(root: Node, surroundings: Surroundings): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  collect(root, "", surroundings, given);
  return given;
}

function collect(
  node: Node,
  path: string,
  surroundings: Surroundings,
  given: Map<string, string>,
): void {
  if (node.kind === "map") {
    for (const { key, value } of node.entries)
      collect(value, path === "" ? key : `${path}.${key}`, surroundings, given);
  } else if (node.kind === "list") {
    for (const [i, item] of node.items.entries())
      collect(item, `${path}[${i}]`, surroundings, given);
  } else {
    const { text } = interpolate(node.text, surroundings);
    given.set(path, createHash("sha256").update(text).digest("hex"));
  }
}

/** What may be read again while the pipeline runs. */
const RELOADABLE =
  /^(source\.tables(\.exclude)?$|source\.dynamodb\.table\.(whitelist|ingestion\.tag\.key|env\.tag\.(key|value))(\[|$)|source\.columns$|route\[|transform\[)/;

/** Options that differ and need a new process, in the order of their names. */
export function fixedDifferences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  return differing(before, after).filter((path) => !RELOADABLE.test(path));
}

/** Options that say something else, are new, or are gone. */
export function differing(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).toSorted();
}
