/** How many rows a statement can write at the most, as far as its text tells. */
import { child, list, names, text, type Tree } from "./tree.ts";

/** So many rows, or those that are equal in these columns: one, where a unique key is among them. */
export type RowBound =
  | { readonly kind: "rows"; readonly rows: number }
  | { readonly kind: "equal"; readonly columns: readonly string[] };

/** The bound of a plain INSERT of values, UPDATE or DELETE of one table; undefined for all else. */
export function rowBoundOf(name: string, body: Tree): RowBound | undefined {
  if ("withClause" in body) return undefined;
  if (name === "InsertStmt") return insertBound(body);
  if (name !== "UpdateStmt" && name !== "DeleteStmt") return undefined;
  if ([...list(body, "fromClause"), ...list(body, "usingClause")].length > 0) return undefined;
  const columns = equalColumns(child(body, "whereClause"));
  return columns.length === 0 ? undefined : { kind: "equal", columns };
}

function insertBound(body: Tree): RowBound | undefined {
  if (!("selectStmt" in body)) return { kind: "rows", rows: 1 };
  const rows = list(child(child(body, "selectStmt"), "SelectStmt"), "valuesLists").length;
  return rows === 0 ? undefined : { kind: "rows", rows };
}

/** Columns that a condition holds equal to one value each; conditions beside only make rows fewer. */
function equalColumns(condition: Tree): readonly string[] {
  const both = child(condition, "BoolExpr");
  if (text(both, "boolop") === "AND_EXPR") return list(both, "args").flatMap(equalColumns);
  const expression = child(condition, "A_Expr");
  const isEqual =
    text(expression, "kind") === "AEXPR_OP" && names(list(expression, "name")).join(".") === "=";
  if (!isEqual) return [];
  const [left, right] = [child(expression, "lexpr"), child(expression, "rexpr")];
  if ("ColumnRef" in left && isValue(right)) return columnOf(left);
  return "ColumnRef" in right && isValue(left) ? columnOf(right) : [];
}

function columnOf(reference: Tree): readonly string[] {
  return names(list(child(reference, "ColumnRef"), "fields")).slice(-1);
}

function isValue(value: Tree): boolean {
  if ("TypeCast" in value) return isValue(child(child(value, "TypeCast"), "arg"));
  return "ParamRef" in value || "A_Const" in value;
}
