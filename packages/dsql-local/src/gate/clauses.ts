/** Refusals that may sit anywhere inside a statement: found while walking the tree. */
import { violation } from "../rules/table.ts";
import { isSettable } from "./refusals.ts";
import { child, list, names, text, type Tree } from "./tree.ts";

const LOCKS = new Set(["LCS_FORUPDATE", "LCS_FORKEYSHARE"]);

/** Throws for one node of the walk. */
export function refuseClause(key: string, tree: Tree): void {
  switch (key) {
    case "LockingClause":
      if (!LOCKS.has(text(tree, "strength"))) throw violation("lockingClause");
      break;
    case "RangeTableSample":
      throw violation("tableSample");
    case "FuncCall":
      refuseFunctionCall(tree);
      break;
    case "MergeStmt":
      throw violation("merge");
    default:
  }
}

function refuseFunctionCall(call: Tree): void {
  const name = names(list(call, "funcname"));
  const last = name.at(-1);
  if (last === "wait_for_job" && name[0] === "sys") throw violation("waitForJobSelect");
  if (last === "set_config") {
    const parameter = constantText(list(call, "args")[0]);
    if (parameter !== undefined && !isSettable(parameter)) {
      throw violation("setting", { name: parameter });
    }
  }
}

/** The text of a string constant; undefined for anything else. */
export function constantText(argument: Tree | undefined): string | undefined {
  if (argument === undefined) return undefined;
  const value = child(child(argument, "A_Const"), "sval");
  return "sval" in value ? text(value, "sval") : undefined;
}
