import type { ErrorCode } from "../../errors/catalogue.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { ownFault } from "../../errors/own-fault.ts";
import { isTlsFault } from "../../sessions/tls-fault.ts";
import { ServerError } from "./server-error.ts";

/** SQLSTATEs, or their two-character classes, that no retry mends: someone must change something. */
const REFUSED_STATES = new Set([
  "28", // invalid authorization
  "3D", // no such database
  "42", // missing privilege, unknown object, wrong syntax
  "0A", // feature not supported
  "22023", // a setting's value is not allowed
  "55000", // not in the state that this needs: wal_level
  "F0", // configuration file error
]);

/** SQLSTATEs with a code of their own: the connection lives, and who waits for one table need not stop everything. */
const STATE_CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["55P03", "MR_SOURCE_LOCKED"],
  ["57014", "MR_SOURCE_CANCELLED"],
  ["40001", "MR_SOURCE_STANDBY"], // a conflict with recovery: nothing of ours is serializable
]);

const INSUFFICIENT_PRIVILEGE = "42501";
const TLS_UNSUPPORTED = "The server does not support SSL connections";

/** The SQLSTATE of a server's error, null where it is none (a socket's error). */
export function sqlStateOf(error: unknown): string | null {
  const code = codeOf(error);
  return code !== null && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E") ? code : null;
}

/**
 * SQLSTATE classes whose messages speak of the server, its objects and settings. Others quote values: data exceptions (22),
 * constraints (23), whatever functions of the database raise (P0 and classes of their own).
 */
const SPEAKS_OF_OBJECTS: ReadonlySet<string> = new Set(
  "00 01 02 08 0A 25 26 28 2B 34 3B 3D 3F 40 42 53 54 55 57 58 F0".split(" "),
);
/** Internal errors quote anything; these name storage and catalogue. */
const STORAGE_MESSAGE =
  /^(missing chunk|unexpected chunk|cache lookup failed|could not (open|read|access)|invalid (page|memory alloc)|tuple concurrently)/;
const SETTING_MESSAGE = /^invalid value for parameter/;

/**
 * Gives any failure of a connection its place in the catalogue: authentication, privileges and settings are for the
 * operator, everything else (57P01, 08xxx, 53xxx, ECONN…, and whatever nobody knows) is transient (I1); what is about a
 * row's data no retry mends either. A message that may quote values is not kept, and DETAIL and CONTEXT never are, not in
 * the cause either.
 */
export function connectionError(error: unknown, doing: string, code?: ErrorCode): MillraceError {
  if (error instanceof MillraceError) return error;
  const own = ownFault(error, doing);
  if (own !== null) return own;
  const state = sqlStateOf(error);
  const message = error instanceof Error ? error.message : typeof error;
  if (state !== null && !isQuotable(state, message))
    return new MillraceError(code ?? codeOfData(state), `${doing}: ${dataText(state)}`, {
      facts: { sqlState: state },
    });
  const refused = state === null ? isTlsRefusal(error) : isRefusedState(state);
  return new MillraceError(
    code ??
      STATE_CODES.get(state ?? "") ??
      (refused ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION"),
    `${doing}: ${message === "" ? (codeOf(error) ?? "no reason given") : message}${remedyOf(state)}`,
    {
      cause: state === null ? error : new ServerError("ERROR", state, message),
      facts: { sqlState: state, errno: state === null ? codeOf(error) : null },
    },
  );
}

function isQuotable(state: string, message: string): boolean {
  if (state === "22023") return SETTING_MESSAGE.test(message);
  if (state.startsWith("XX")) return STORAGE_MESSAGE.test(message);
  return SPEAKS_OF_OBJECTS.has(state.slice(0, 2));
}

/** What is wrong with a value stays so; whatever else nobody knows may be over next time. */
function codeOfData(state: string): ErrorCode {
  return /^2[1-7]/.test(state) ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION";
}

function dataText(state: string): string {
  return /^2[1-7]/.test(state)
    ? `the server cannot evaluate an expression on a row's data (SQLSTATE ${state}), such as a row filter's`
    : `the server failed (SQLSTATE ${state}); its own log has the words, which may hold values`;
}

/** The server says what is denied; what to do about it, only a look at all of it can tell. */
function remedyOf(state: string | null): string {
  return state === INSUFFICIENT_PRIVILEGE
    ? " (millrace validate FILE --connect lists what the role lacks, with the GRANT for each)"
    : "";
}

function isRefusedState(state: string): boolean {
  return REFUSED_STATES.has(state) || REFUSED_STATES.has(state.slice(0, 2));
}

function isTlsRefusal(error: unknown): boolean {
  if (error instanceof Error && error.message === TLS_UNSUPPORTED) return true;
  return isTlsFault(codeOf(error));
}

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
