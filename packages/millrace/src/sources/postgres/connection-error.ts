import type { ErrorCode } from "../../errors/catalogue.ts";
import { MillraceError } from "../../errors/millrace-error.ts";

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

/** What Node says when the server's certificate or our own TLS settings are at fault. */
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_(VERIFY|GET)|HOSTNAME_MISMATCH)/;

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
 * Gives any failure of a connection its place in the catalogue: authentication, privileges and settings are for the
 * operator, everything else (57P01, 08xxx, 53xxx, ECONN…, and whatever nobody knows) is transient (I1).
 * The server's message is kept as it speaks of objects and settings; its DETAIL, which may hold values, is not, and
 * neither is the message of a data exception (class 22), which quotes them: no retry mends it either.
 */
export function connectionError(error: unknown, doing: string, code?: ErrorCode): MillraceError {
  if (error instanceof MillraceError) return error;
  const state = sqlStateOf(error);
  if (state !== null && state.startsWith("22") && state !== "22023")
    return new MillraceError(
      code ?? "MR_SOURCE_REFUSED",
      `${doing}: the server cannot evaluate an expression on a row's data (SQLSTATE ${state}), such as a row filter's`,
      { facts: { sqlState: state } },
    );
  const refused = state === null ? isTlsRefusal(error) : isRefusedState(state);
  const why = error instanceof Error ? error.message : String(error);
  return new MillraceError(
    code ??
      STATE_CODES.get(state ?? "") ??
      (refused ? "MR_SOURCE_REFUSED" : "MR_SOURCE_LOST_CONNECTION"),
    `${doing}: ${why === "" ? (codeOf(error) ?? "no reason given") : why}${remedyOf(state)}`,
    { cause: error, facts: { sqlState: state, errno: state === null ? codeOf(error) : null } },
  );
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
  return TLS_CODES.test(codeOf(error) ?? "");
}

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
