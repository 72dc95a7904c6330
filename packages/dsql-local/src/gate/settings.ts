/** SET and SHOW. */
import { text, type Tree } from "./tree.ts";

/** The parameter that a VariableSetStmt names. */
export function settingName(body: Tree): string {
  return text(body, "name");
}

/** Answers of SHOW that differ from those of the PostgreSQL behind (source E, D, G). */
export const shownAs: Readonly<Record<string, string>> = {
  server_version: "16.15",
  server_version_num: "160015",
  max_connections: "20",
};
