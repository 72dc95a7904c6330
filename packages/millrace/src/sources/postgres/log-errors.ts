import { MillraceError } from "../../errors/millrace-error.ts";
import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { connectionError } from "./connection-error.ts";
import { ServerError } from "./server-error.ts";

const UNDEFINED_OBJECT = "42704";
const IN_USE = "55006";
const NOT_IN_STATE = "55000";

/** What a log is opened with, as far as the server's words name it. */
interface LogNames {
  readonly slotName: string;
  readonly publicationName: string;
}

/**
 * What ends a log that is being read. A connection that fails says so in a class of ours or of the server's: all else is a
 * fault of our own, and comes again however often it is tried (I1).
 */
export function readingError(error: unknown, names: LogNames): MillraceError {
  return error instanceof ServerError
    ? replicationError(error, names)
    : toMillraceError(error, "MR_BUG");
}

/**
 * Gives what the server says about a replication stream its place: a slot or a publication that is gone is a loss
 * (I8), a slot that somebody else reads is worth waiting for, the rest is as for any connection. The server's words
 * may be in any language, so that only SQLSTATEs and the names that we sent are looked at.
 */
export function replicationError(error: unknown, names: LogNames): MillraceError {
  if (!(error instanceof ServerError)) return connectionError(error, "reading the log");
  const { slotName, publicationName } = names;
  const facts = { sqlState: error.code, slot: slotName, publication: publicationName };
  const because = { cause: error, facts };
  if (error.code === IN_USE) {
    return new MillraceError("MR_SOURCE_SLOT_BUSY", error.message, because);
  }
  if (error.code === UNDEFINED_OBJECT) {
    const isSlot = error.message.includes(`"${slotName}"`);
    const isPublication = error.message.includes(`"${publicationName}"`);
    if (isPublication && !(isSlot && error.message.includes("slot"))) {
      return new MillraceError("MR_SOURCE_PUBLICATION_MISSING", error.message, because);
    }
    if (isSlot) return new MillraceError("MR_SOURCE_SLOT_MISSING", error.message, because);
  }
  if (error.code === NOT_IN_STATE && error.message.includes(`"${slotName}"`)) {
    return new MillraceError("MR_SOURCE_SLOT_LOST", error.message, because);
  }
  return connectionError(error, "reading the log");
}
