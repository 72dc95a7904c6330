import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableId } from "../../model/table.ts";
import type { LogOffset } from "./transaction-id.ts";

/** The log cannot be followed past this place: what a table has there only its rows can tell. */
export const ANEW =
  "Then write `on-loss: resync` in the source and start again, which loads the tables anew from behind this place; take it out afterwards.";

/** What a log may hold that nobody can apply, and what keeps it out of the log. */
const REFUSALS = {
  statements: {
    why: "the log has statements in place of rows",
    remedy: "Set binlog_format to ROW for every session that writes.",
  },
  cascades: {
    why: "a foreign key was added that cascades (ON DELETE or ON UPDATE), and this server does not log what it does to the rows of a captured table",
    remedy:
      "Let the application delete the rows instead of the foreign key, or write `unlogged-cascades: accept` where parents are never deleted.",
  },
  longStatement: {
    why: "the log has a statement of more than 1 MiB that makes or alters a table, or nobody knows what",
    remedy: "Leave out of it what makes it that long, such as comments.",
  },
  altered: {
    why: "the log begins before the table was altered last, and rows of then do not fit the columns that it has now",
    remedy:
      "Begin behind that ALTER: in a pipeline of another name, or after `millrace cleanup --state`, with a scan.startup.specific-offset that lies behind it; or leave the table out with tables.exclude.",
  },
  unknownEvent: {
    why: "the log has an event of a type that is not known",
    remedy: "This version of Millrace does not know it: look for a newer one.",
  },
  xaUnknown: {
    why: "an XA transaction is committed that was prepared before what the server still has of its log, so that its rows are not known",
    remedy:
      "Nothing helps afterwards; keep the log for longer than transactions stay prepared (binlog_expire_logs_seconds), and end by XA COMMIT or XA ROLLBACK what `XA RECOVER` lists and nobody will end.",
  },
  takenBack: {
    why: "rows were taken back to a savepoint of which the log does not tell where it was set",
    remedy:
      "Keep temporary tables and tables without transactions out of transactions that use that many savepoints.",
  },
} as const;

/** The log has what nobody can apply, in this group: a loss, so that the policy for losses decides. */
export function refusedLog(
  what: keyof typeof REFUSALS,
  group: LogOffset | null,
  table?: TableId,
): MillraceError {
  const { remedy } = REFUSALS[what];
  const why = `${table === undefined ? "" : `${table}: `}${REFUSALS[what].why}`;
  const place = group === null ? "" : ` (binlog file ${group.file}, offset ${group.at})`;
  const facts = group === null ? {} : { file: group.file, at: group.at };
  return new MillraceError("MR_SOURCE_UNREADABLE", `${why}${place}`, {
    remedy: `${remedy} ${ANEW}`,
    facts: table === undefined ? facts : { ...facts, table },
  });
}
