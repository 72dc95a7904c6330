import { MillraceError } from "../../errors/millrace-error.ts";
import { connectionError } from "./connection-error.ts";
import { ServerError } from "./server-error.ts";

const FATAL_READING_LOG = 1236;

/** The server's words about a dump, which are English whatever its language, and what they mean. */
const LOSSES =
  /could not find first log file name|impossible position|purged (required )?binary logs|position > file size|log file is truncated|bogus data in log event|binlog truncated in the middle|has purged binary logs containing GTIDs|not present in the (master|source|primary)'s binlog|The binlog on the (master|source|primary) is missing the GTID/i;
const SAME_ID = /same (server_uuid|server_id|server uuid|server id)|server_uuid\/server_id/i;
const TOO_LARGE = /max_allowed_packet/i;

/**
 * Gives what the server says about a dump its place: a log that is gone is a loss (I8), another reader with our id is worth
 * waiting for, the rest is as for any connection.
 */
export function logError(error: unknown, serverId: number): MillraceError {
  if (!(error instanceof ServerError) || error.errno !== FATAL_READING_LOG)
    return connectionError(error, "reading the log");
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
    return new MillraceError("MR_SOURCE_LOSS", error.message, because);
  if (TOO_LARGE.test(error.message))
    return new MillraceError("MR_SOURCE_REFUSED", error.message, {
      ...because,
      remedy: "Raise max_allowed_packet at the server to 1G.",
    });
  return connectionError(error, "reading the log");
}
