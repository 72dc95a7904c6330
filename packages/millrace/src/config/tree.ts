import type { Place, Problem } from "./problem.ts";

/** A scalar as its file writes it: every scalar is text until its option says what it must be. */
export interface ScalarNode {
  readonly kind: "scalar";
  readonly place: Place;
  readonly text: string;
  /** Nothing, `~` or `null` was written. */
  readonly empty: boolean;
  /** Something was written that is no value, and that was said: nothing more is to be said of it. */
  readonly broken?: boolean;
}

/** A list. */
export interface ListNode {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly Node[];
}

/** One key of a map. */
export interface Entry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly value: Node;
}

/** A map, in the order of the file. */
export interface MapNode {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: readonly Entry[];
}

/** A pipeline file with the place of everything in it. */
export type Node = ScalarNode | ListNode | MapNode;

/** What reading gives: a tree, or what is wrong with it. */
export interface ReadTree {
  readonly root: Node | null;
  readonly problems: readonly Problem[];
}

/** How a node is called in a sentence. */
export function nodeName(node: Node): string {
  return node.kind === "scalar" ? "a single value" : node.kind === "list" ? "a list" : "a map";
}

/** The value of a key, where the map has it. */
export function entryOf(map: MapNode, key: string): Entry | undefined {
  return map.entries.find((entry) => entry.key === key);
}

/** A pipeline given as a JavaScript object becomes the same tree, without lines. */
export function treeOfObject(value: unknown, file: string): ReadTree {
  const place: Place = { file, line: null, column: null };
  const problems: Problem[] = [];
  const root = nodeOf(value, "", place, problems);
  return { root, problems };
}

function nodeOf(value: unknown, path: string, place: Place, problems: Problem[]): Node {
  if (value === null || value === undefined)
    return { kind: "scalar", place, text: "", empty: true };
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) =>
      nodeOf(item, `${path}[${index}]`, place, problems),
    );
    return { kind: "list", place, items };
  }
  if (isPlainObject(value)) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => ({
        key,
        keyPlace: place,
        value: nodeOf(item, path === "" ? key : `${path}.${key}`, place, problems),
      }));
    return { kind: "map", place, entries };
  }
  return { kind: "scalar", place, text: scalarText(value, path, place, problems), empty: false };
}

function scalarText(value: unknown, path: string, place: Place, problems: Problem[]): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      problems.push({
        place,
        path,
        wrong: `is ${typeof value === "object" ? "an object of a class" : `a ${typeof value}`}`,
        remedy: "Give text, a number, true or false, a list, or a plain object",
      });
      return "";
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
