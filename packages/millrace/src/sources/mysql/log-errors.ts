import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import type { DumpStart } from "./binlog-dump.ts";
import { connectionError } from "./connection-error.ts";
import { ServerError } from "./server-error.ts";
import type { LogOffset } from "./transaction-id.ts";

const FATAL_READING_LOG = 1236;

/** The server's words about a dump, which are English whatever its language, and what they mean. */
const LOSSES =
  /could not find first log file name|impossible position|purged (required )?binary logs|position > file size|log file is truncated|bogus data in log event|binlog truncated in the middle|has purged binary logs containing GTIDs|not present in the (master|source|primary)'s binlog|The binlog on the (master|source|primary) is missing the GTID/i;
const SAME_ID = /same (server_uuid|server_id|server uuid|server id)|server_uuid\/server_id/i;
const TOO_LARGE = /max_allowed_packet/i;

const LOST_REMEDY =
  "Write `on-loss: resync` in the source and start again, which loads the tables anew; keep the log for longer than the longest outage " +
  "(binlog_expire_logs_seconds; RDS: binlog retention hours) so that it does not happen again.";

const CUT_SHORT = /binlog truncated in the middle of event/i;

/**
 * The file ends within an event: the server died while it wrote that. What it had not written whole was never committed,
 * and it has gone on in the next file, if there is one.
 */
export function isCutShort(error: unknown): boolean {
  return error instanceof ServerError && CUT_SHORT.test(error.message);
}

/**
 * Gives what the server says about a dump its place: a log that is gone is a loss (I8), another reader with our id is worth
 * waiting for, the rest is as for any connection. `place` is where the dump was to begin, or where it has come to.
 */
export function logError(
  error: unknown,
  serverId: number,
  place: DumpStart | LogOffset,
): MillraceError {
  // A connection that fails says so in these classes: all else is ours, and comes again however often it is tried (I1).
  if (!(error instanceof ServerError)) return toMillraceError(error, "MR_BUG");
  if (error.errno !== FATAL_READING_LOG) return connectionError(error, "reading the log");
  const because = { cause: error, facts: { errno: error.errno, serverId } };
  if (SAME_ID.test(error.message))
    return new MillraceError(
      "MR_SOURCE_SLOT_BUSY",
      `another reader of the server has the id ${serverId}, or is this pipeline elsewhere: ${error.message}`,
      {
        ...because,
        remedy: "Give each reader and each replica of the server a server-id of its own.",
      },
    );
  if (LOSSES.test(error.message))
    return new MillraceError(
      "MR_SOURCE_LOSS",
      `the server no longer has the log that comes next, ${placeText(place)}; it says: ${error.message}`,
      { ...because, remedy: LOST_REMEDY },
    );
  if (TOO_LARGE.test(error.message))
    return new MillraceError("MR_SOURCE_REFUSED", error.message, {
      ...because,
      remedy: "Raise max_allowed_packet at the server to 1G.",
    });
  return connectionError(error, "reading the log");
}

/** For people. */
function placeText(place: DumpStart | LogOffset): string {
  if ("file" in place) return `behind binlog file ${place.file}, offset ${place.at}`;
  if ("fileName" in place) return `from ${place.fileName}, offset ${place.at} on`;
  const gtids = "executed" in place ? place.executed.toString() : place.mariaDbPosition;
  return `behind the GTIDs ${gtids}`;
}
