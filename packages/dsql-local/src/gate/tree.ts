/** Walking the parser's JSON tree without trusting its shape. */

/** An object of the tree. */
export type Tree = Readonly<Record<string, unknown>>;

/** Whether a value is an object of the tree. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const NOTHING: Tree = Object.freeze({});

/** The object under a key; an empty one when there is none. */
export function child(tree: Tree, key: string): Tree {
  const value = tree[key];
  return isTree(value) ? value : NOTHING;
}

/** The objects of the list under a key. */
export function list(tree: Tree, key: string): readonly Tree[] {
  const value = tree[key];
  return Array.isArray(value) ? value.filter(isTree) : [];
}

/** The text under a key, or "". */
export function text(tree: Tree, key: string): string {
  const value = tree[key];
  return typeof value === "string" ? value : "";
}

/** The number under a key; left-out numbers are zero in this tree. */
export function number(tree: Tree, key: string): number {
  const value = tree[key];
  return typeof value === "number" ? value : 0;
}

/** The boolean under a key. */
export function flag(tree: Tree, key: string): boolean {
  return tree[key] === true;
}

/** A wrapped node: `{"SelectStmt": {...}}` gives its name and its body. */
export function unwrap(tree: Tree): readonly [name: string, body: Tree] {
  for (const key in tree) return [key, child(tree, key)];
  return ["", NOTHING];
}

/** The texts of a list of String nodes: a qualified name. */
export function names(items: readonly Tree[]): readonly string[] {
  return items.map((item) => text(child(item, "String"), "sval"));
}

/** Calls `visit` for every object below (and with) this one, parents first. */
export function walk(value: unknown, visit: (key: string, tree: Tree) => void, key = ""): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit, key);
  } else if (isTree(value)) {
    visit(key, value);
    for (const name in value) {
      const below = value[name];
      if (typeof below === "object") walk(below, visit, name);
    }
  }
}
