/** SET and SHOW. */
import { child, list, text, type Tree } from "./tree.ts";

/** The parameter that a VariableSetStmt names. */
export function settingName(body: Tree): string {
  return text(body, "name");
}

/** The first schema of `SET search_path = …`; undefined for other settings and for RESET. */
export function firstSearchPath(body: Tree): string | undefined {
  if (settingName(body).toLowerCase() !== "search_path") return undefined;
  if (text(body, "kind") !== "VAR_SET_VALUE") return "public";
  for (const argument of list(body, "args")) {
    const name = text(child(child(argument, "A_Const"), "sval"), "sval");
    if (name !== "" && name !== "$user") return name;
  }
  return "public";
}

/** Answers of SHOW that differ from those of the PostgreSQL behind (source E, D, G). */
export const shownAs: Readonly<Record<string, string>> = {
  server_version: "16.15",
  server_version_num: "160015",
  max_connections: "20",
};
