import type { ErrorCode } from "../../errors/catalogue.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { ownFault } from "../../errors/own-fault.ts";
import { isTlsFault } from "../../sessions/tls-fault.ts";
import { ServerError } from "./server-error.ts";

/** Errors that no retry mends: someone must change something. */
const REFUSED: ReadonlySet<number> = new Set([
  1044, // access to the database denied
  1045, // wrong user or password
  1049, // unknown database
  1064, // syntax
  1142, // privilege on a table
  1143, // privilege on a column
  1146, // no such table
  1193, // unknown system variable
  1227, // privilege
  1231, // a setting's value is not allowed
  1251, // the client cannot authenticate so
  1290, // the server runs with an option that forbids it
  1370, // privilege on a routine
  1698, // wrong user or password (sockets)
  1820, // the password has to be changed first
  1862, // the password expired
  3118, // the account is locked
  3159, // only encrypted connections
  4151, // the account is locked (MariaDB)
]);

/** Errors with a code of their own: the connection lives. */
const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [1205, "MR_SOURCE_LOCKED"], // lock wait timeout
  [1317, "MR_SOURCE_CANCELLED"], // interrupted
  [1969, "MR_SOURCE_CANCELLED"], // max_statement_time (MariaDB)
  [3024, "MR_SOURCE_CANCELLED"], // max_execution_time
]);

const LOCKED =
  "Nothing, while it is being retried; else look in SHOW PROCESSLIST and, at MySQL, in performance_schema.metadata_locks for who holds " +
  "it, and end that.";

/** What else speaks of the server and its objects, and never of values. */
const QUOTABLE: ReadonlySet<number> = new Set([
  1040, 1053, 1129, 1130, 1152, 1153, 1158, 1159, 1160, 1161, 1180, 1184, 1203, 1213, 1226, 1236,
  1637, 1927, 2013, 3169, 4031,
]);

/** The server's number of an error, null where it is none (a socket's error). */
export function errnoOf(error: unknown): number | null {
  if (error instanceof ServerError) return error.errno;
  if (error instanceof MillraceError) return numberOf(error.facts["errno"]);
  if (typeof error !== "object" || error === null) return null;
  // The driver gives sockets' errors a negative errno, as Node does.
  const errno = "errno" in error ? numberOf(error.errno) : null;
  return errno !== null && errno > 0 ? errno : null;
}

/**
 * Gives any failure of a connection its place in the catalogue: authentication, privileges and settings are for the
 * operator, everything else (sockets, too many connections, a server that stops, and whatever nobody knows) is transient
 * (I1). A message that may quote values is not kept, not in the cause either.
 */
export function connectionError(error: unknown, doing: string, code?: ErrorCode): MillraceError {
  if (error instanceof MillraceError) return error;
  const errno = errnoOf(error);
  if (errno === null) return ownFault(error, doing) ?? socketError(error, doing, code);
  const message = error instanceof Error ? error.message : "";
  const isRefused = REFUSED.has(errno);
  const known = code ?? CODES.get(errno);
  const isQuotable = isRefused || known !== undefined || QUOTABLE.has(errno);
  const said = isQuotable
    ? message
    : `the server failed (error ${errno}); its words may hold values`;
  const cause = new ServerError(errno, sqlStateOf(error), said);
  return new MillraceError(
    known ?? (isRefused ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION"),
    `${doing}: ${said}`,
    {
      cause,
      facts: { errno, sqlState: cause.sqlState },
      ...(known === "MR_SOURCE_LOCKED" ? { remedy: LOCKED } : {}),
    },
  );
}

function socketError(error: unknown, doing: string, code?: ErrorCode): MillraceError {
  const said = textOf(error, "code");
  const message =
    error instanceof Error && error.message !== "" ? error.message : (said ?? "no reason given");
  const isRefused = isTlsFault(said);
  return new MillraceError(
    code ?? (isRefused ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION"),
    `${doing}: ${message}`,
    { cause: error, facts: { errno: said } },
  );
}

function sqlStateOf(error: unknown): string {
  return textOf(error, "sqlState") ?? "HY000";
}

function textOf(error: unknown, name: string): string | null {
  if (typeof error !== "object" || error === null) return null;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
