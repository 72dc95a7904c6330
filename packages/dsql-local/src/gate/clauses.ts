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

/** What makes values of geometry. */
const GEOMETRY = new Set(["point", "box", "circle", "line", "lseg", "path", "polygon"]);

/** Advisory locks; what LISTEN would hear; large objects. */
const REFUSED =
  /^(?:pg_(?:try_)?advisory_\w+|pg_notify|lo_(?:creat|create|from_bytea|open|close|get|put|lseek|lseek64|tell|tell64|truncate|truncate64|unlink|import|export)|loread|lowrite)$/;

/** Whether a function is one of PostgreSQL's that the service does not have. */
function isRefused(name: readonly string[]): boolean {
  if (name.length > 1 && name[0] !== "pg_catalog") return false;
  const last = name.at(-1) ?? "";
  return REFUSED.test(last) || GEOMETRY.has(last);
}

function refuseFunctionCall(call: Tree): void {
  const name = names(list(call, "funcname"));
  const last = name.at(-1);
  if (last !== undefined && isRefused(name)) throw violation("refusedFunction", { name: last });
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
