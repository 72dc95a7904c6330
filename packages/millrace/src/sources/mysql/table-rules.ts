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
  return [
    ...found,
    ...(isWrittenInCapitals(options.tablesText) && server.namesAreLowerCase
      ? [lowerCaseNames()]
      : []),
    ...(server.takesZeroDates && !options.values.zeroDatesAreNull ? zeroDates(discovery) : []),
  ];
}

const DATES: ReadonlySet<string> = new Set(["date", "timestamp", "timestamptz"]);
/** More tables than these are told by their number. */
const MOST_NAMED = 3;

/** Nobody looks through the rows: whether there are such dates is not known, only that there may be. */
function zeroDates({ tables }: Observed["discovery"]): Finding[] {
  const dated = tables.filter(({ shape }) =>
    shape.columns.some(({ type }) => DATES.has(type.kind)),
  );
  if (dated.length === 0) return [];
  const named = dated.slice(0, MOST_NAMED).map(({ shape }) => shape.id);
  const more = dated.length - named.length;
  return [
    {
      severity: "notice",
      what: `The server's sql_mode lets dates with a zero part in, such as 0000-00-00, and ${named.join(", ")}${more === 0 ? "" : ` and ${more} more`} ${dated.length === 1 ? "has" : "have"} columns of dates.`,
      whatFollows: "A row that has one becomes a dead letter: no sink takes such a date.",
      remedy: "With zero-dates: as-null it becomes NULL at the sink.",
    },
  ];
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
