/** Which columns get values that are longer than what the statement's message carries. */
import { child, list, names, text, type Tree, walk } from "./tree.ts";

/** Whether the value that a column is set to can be longer than both the old one and the message. */
export function growsByColumns(value: Tree): boolean {
  let grows = false;
  walk(value, (key, tree) => {
    if (key === "SubLink") grows = true;
    if (key === "A_Expr" && names(list(tree, "name")).at(-1) === "||") grows = true;
    if (key === "FuncCall" && holds(list(tree, "args"), "ColumnRef")) grows = true;
  });
  return grows;
}

/** Columns that an INSERT fills from a query inside of its values. */
export function columnsOfQueries(insert: Tree): readonly string[] {
  const select = child(child(insert, "selectStmt"), "SelectStmt");
  if (!holds(select, "SubLink")) return [];
  if (text(select, "op") !== "SETOP_NONE") return ["*"];
  const columns = list(insert, "cols").map((item) => text(child(item, "ResTarget"), "name"));
  return rowsOf(select).flatMap((values) =>
    values.flatMap((value, at) => (holds(value, "SubLink") ? [columns[at] ?? "*"] : [])),
  );
}

/** The values of a SELECT list, or of each row of VALUES. */
function rowsOf(select: Tree): readonly (readonly Tree[])[] {
  const rows = list(select, "valuesLists").map((row) => list(child(row, "List"), "items"));
  return rows.length > 0 ? rows : [list(select, "targetList")];
}

function holds(value: unknown, wanted: string): boolean {
  let found = false;
  walk(value, (key) => {
    if (key === wanted) found = true;
  });
  return found;
}
