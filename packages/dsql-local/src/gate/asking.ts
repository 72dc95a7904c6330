/** How PostgreSQL is asked for the places of the rows that a statement writes: by RETURNING ctid. */
import { identifier } from "../postgres/rows.ts";
import { applyEdits } from "./edits.ts";
import type { ParsedStatement } from "./parser.ts";
import type { RelationUse, Statement } from "./statement.ts";
import { child, list, number, text, type Tree, walk } from "./tree.ts";

/** What has to be written where in a statement's text. */
export interface Asking {
  readonly atByte: number;
  readonly insert: string;
  /** The client has a RETURNING of its own; the place is one more column of that. */
  readonly own: boolean;
  /** The one table that the statement writes rows to. */
  readonly target: RelationUse;
}

/** The only statement of a text that writes, as the parser told of it. */
export interface AskedOf {
  readonly name: string;
  readonly body: Tree;
  readonly parsed: ParsedStatement;
  /** Where the statement's own text begins in what was parsed. */
  readonly offsetBytes: number;
  readonly sql: string;
  readonly relations: readonly RelationUse[];
}

/** How a statement may be asked; undefined for what is no plain INSERT or UPDATE, or where names would be ambiguous. */
export function askingOf(of: AskedOf): Asking | undefined {
  const { name, body, parsed, offsetBytes, sql } = of;
  if (name !== "InsertStmt" && name !== "UpdateStmt") return undefined;
  const relation = child(body, "relation");
  const target = of.relations.find(
    (use) => use.written && use.startByte === number(relation, "location") - offsetBytes,
  );
  if (target === undefined || isAmbiguous(target, body)) return undefined;
  const { lengthBytes } = parsed;
  const end = lengthBytes === 0 ? undefined : parsed.startByte + lengthBytes - offsetBytes;
  const own = list(body, "returningList").length > 0;
  // On a line of its own: the text may end in a comment.
  const insert = `\n${own ? "," : "RETURNING"} ${exposed(target)}.ctid `;
  return { atByte: end ?? Buffer.byteLength(sql), insert, own, target };
}

/** The text of a statement that gives the place of each row, as the last column. */
export function askingSql({ sql, asking }: Statement): string {
  if (asking === undefined) return sql;
  return applyEdits(sql, [{ atByte: asking.atByte, lengthBytes: 0, insert: asking.insert }]);
}

function exposed({ alias, schema, name }: RelationUse): string {
  if (alias !== "") return identifier(alias);
  return schema === "" ? identifier(name) : `${identifier(schema)}.${identifier(name)}`;
}

/** Whether something beside the target of an UPDATE goes by its name. */
function isAmbiguous({ alias, name }: RelationUse, body: Tree): boolean {
  const known = alias === "" ? name : alias;
  let found = false;
  walk(list(body, "fromClause"), (key, tree) => {
    if (key === "alias" && text(tree, "aliasname") === known) found = true;
    if (text(tree, "relname") === known && text(child(tree, "alias"), "aliasname") === "") {
      found = true;
    }
  });
  return found;
}
