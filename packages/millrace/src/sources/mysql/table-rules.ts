import type { Finding } from "../../model/finding.ts";
import { tableParts } from "../../model/table.ts";
import { TABLES_OPTION } from "../../model/uncaptured.ts";
import { captureFindings, unlessNew } from "../../tables/capture-findings.ts";
import type { Observed } from "./finding-rule.ts";
import { unreadableMatter } from "./reading-rights.ts";

/** What can be captured, and what is special about it. */
export function tableFindings({
  discovery,
  options,
  server,
  known,
  unreadable,
}: Observed): Finding[] {
  const cannotRead = unreadable.map((id): Finding => {
    const { schema, name } = tableParts(id);
    const { what, follows, remedy } = unreadableMatter({ id, schema, name }, server.user);
    return unlessNew({ severity: "error", what, whatFollows: follows, remedy }, id, known);
  });
  const { username } = options;
  const found = captureFindings(discovery, {
    database: null,
    username,
    known,
    unreadable: cannotRead,
  });
  return isWrittenInCapitals(options.tablesText) && server.namesAreLowerCase
    ? [...found, lowerCaseNames()]
    : found;
}

/** Escapes such as `\S` and `\D` are no names. */
function isWrittenInCapitals(tables: string): boolean {
  return /\p{Lu}/u.test(tables.replaceAll(/\\./g, ""));
}

function lowerCaseNames(): Finding {
  return {
    severity: "warning",
    what: "The server keeps names of tables in lower case (lower_case_table_names = 1), and tables has capitals.",
    whatFollows: "A pattern with a capital matches none of its tables.",
    remedy: "Write the names in lower case.",
    option: TABLES_OPTION,
  };
}
