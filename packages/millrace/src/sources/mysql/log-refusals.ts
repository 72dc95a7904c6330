import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogGroup } from "./position.ts";

const ANEW =
  "Then `millrace cleanup FILE --state` and another run load the tables again: the log cannot be followed past this place.";

/** What a log may hold that nobody can apply, and what keeps it out of the log. */
const REFUSALS = {
  statements: {
    why: "the log has statements in place of rows",
    remedy: "Set binlog_format to ROW for every session that writes.",
  },
  xa: {
    why: "XA transactions with rows of captured tables are not read yet",
    remedy: "Keep XA transactions away from captured tables, or exclude those tables.",
  },
  rolledBack: {
    why: "a transaction that was rolled back is in the log with rows",
    remedy:
      "Keep temporary tables and tables without transactions out of transactions that write to captured tables.",
  },
  takenBack: {
    why: "rows were taken back to a savepoint after they were written to the log",
    remedy:
      "Keep temporary tables and tables without transactions out of transactions that use savepoints.",
  },
} as const;

/** The log has what nobody can apply, in this group. */
export function refusedLog(what: keyof typeof REFUSALS, group: LogGroup | null): MillraceError {
  const { why, remedy } = REFUSALS[what];
  const place = group === null ? "" : ` (binlog file ${group.file}, offset ${group.at})`;
  return new MillraceError("MR_SOURCE_REFUSED", `${why}${place}`, { remedy: `${remedy} ${ANEW}` });
}
