/** What only one session would have: by its word, or by the schema that it is to be in. */
import { text, type Tree } from "./tree.ts";

/** Whether a schema is that of a session's own objects. */
export function isTemporarySchema(name: string): boolean {
  return /^pg_(?:toast_)?temp(?:_\d+)?$/.test(name);
}

/** Whether a relation that is made is temporary. */
export function isTemporary(relation: Tree): boolean {
  return (
    text(relation, "relpersistence") === "t" || isTemporarySchema(text(relation, "schemaname"))
  );
}
