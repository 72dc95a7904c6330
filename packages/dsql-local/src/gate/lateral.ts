/**
 * A defect of the service's planner (source E): a LEFT JOIN LATERAL whose subquery projects an outer column fails as soon as
 * there is a row of it.
 */
import { child, flag, list, names, text, type Tree, unwrap, walk } from "./tree.ts";

/** The number of the first such column among those of its subquery; undefined where there is none. */
export function lateralDefect(node: Tree, sql: string): number | undefined {
  if (!("SelectStmt" in node) || !/lateral/i.test(sql)) return undefined;
  let found: number | undefined;
  walk(node, (key, tree) => {
    if (key !== "JoinExpr" || text(tree, "jointype") !== "JOIN_LEFT") return;
    const right = child(child(tree, "rarg"), "RangeSubselect");
    if (!flag(right, "lateral")) return;
    const outer = exposed([child(tree, "larg")]);
    const at = outerColumn(child(child(right, "subquery"), "SelectStmt"), outer);
    if (at >= 0) found ??= at + 1;
  });
  return found;
}

function outerColumn(select: Tree, outer: ReadonlySet<string>): number {
  const own = exposed(list(select, "fromClause"));
  return list(select, "targetList").findIndex((target) => {
    const value = child(child(target, "ResTarget"), "val");
    const [table = "", ...rest] = names(list(child(value, "ColumnRef"), "fields"));
    return rest.length === 1 && outer.has(table) && !own.has(table);
  });
}

/** The names that columns may be told by: of tables, subqueries and functions in FROM, but of none below these. */
function exposed(from: readonly Tree[]): ReadonlySet<string> {
  const known = new Set<string>();
  for (const item of from) {
    const [kind, body] = unwrap(item);
    const alias = text(child(body, "alias"), "aliasname");
    if (alias !== "") known.add(alias);
    else if (kind === "RangeVar") known.add(text(body, "relname"));
    else if (kind === "JoinExpr") {
      for (const name of exposed([child(body, "larg"), child(body, "rarg")])) known.add(name);
    }
  }
  return known;
}
