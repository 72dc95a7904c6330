import type { ErrorCode } from "../../errors/catalogue.ts";
import type { ErrorClass, ErrorFacts } from "../../errors/millrace-error.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { ownFault } from "../../errors/own-fault.ts";
import { ExchangeError } from "./exchange.ts";

/** What is read of an error of pg: the server's fields, or those of a socket. Never its DETAIL, which holds values. */
interface ServerError {
  readonly sqlState: string | null;
  readonly message: string;
  readonly hint: string;
  readonly constraint: string | null;
  readonly column: string | null;
  /** The session ended with it. */
  readonly fatal: boolean;
}

/** What the caller knows about where the failure happened. */
export interface FailureContext {
  /** What was being done, for people: "upsert into shop.orders". */
  readonly doing: string;
  readonly facts?: ErrorFacts;
  /** The statement changes the catalogue: a size that is refused is a limit of the server, never of a row. */
  readonly ddl?: boolean;
}

const STALE_PLAN = /cached plan must not change|prepared statement .* (does not|already) exist/i;

type Verdict = readonly [code: ErrorCode, detail: string, errorClass?: ErrorClass];

/**
 * SQLSTATE and message to an error of ours (facts/dsql.md §1.4). What nobody knows is transient for a connection and
 * permanent for a row (I1): an unknown SQLSTATE of a live session is the data's or the statement's fault.
 */
export function classify(error: unknown, context: FailureContext): MillraceError {
  if (error instanceof MillraceError) return error;
  const own = ownFault(causeOf(error), context.doing);
  if (own !== null) return own;
  const server = readServerError(error);
  const [code, detail, errorClass] = verdict(server, context.ddl ?? false);
  const facts = { ...context.facts, sqlState: server.sqlState, ...names(server) };
  const text = `${context.doing}: ${detail}${server.sqlState === null ? "" : ` (SQLSTATE ${server.sqlState})`}`;
  // The server's own error is not chained: its message and DETAIL may hold values of the row.
  const remedy = REMEDIES[server.sqlState ?? ""];
  return new MillraceError(code, text, {
    facts,
    ...(errorClass === undefined ? {} : { class: errorClass }),
    ...(remedy === undefined ? {} : { remedy }),
  });
}

/** Where what helps is another thing than what the code's own remedy says. */
const REMEDIES: Readonly<Record<string, string>> = {
  "53100": "Make room on the disk of the sink's server; it goes on by itself then.",
  "53300":
    "Raise max_connections at the sink's server or lower max-pool-size; it goes on by itself then.",
};

/** The SQLSTATE of an error of pg, null where it came from the socket. */
export function sqlStateOf(error: unknown): string | null {
  return readServerError(error).sqlState;
}

/** The server said for sure that the transaction is gone, so that no COMMIT behind it can have happened. */
export function abortedForSure(error: unknown): boolean {
  const { sqlState, fatal } = readServerError(error);
  if (sqlState === null || fatal || sqlState === "40003") return false;
  return !["08", "53", "57", "58", "XX"].includes(sqlState.slice(0, 2));
}

/** A statement prepared on this connection no longer fits the catalogue, and will fail until it is prepared anew. */
export function stalePlan(error: unknown): boolean {
  const { sqlState, message } = readServerError(error);
  return sqlState === "26000" || sqlState === "42P05" || STALE_PLAN.test(message);
}

/** The connection was refused because of who we are; a fresh token may help once. */
export function accessDenied(error: unknown): boolean {
  const { sqlState, message } = readServerError(error);
  if (sqlState?.startsWith("28") === true) return true;
  return /access denied|IAM authentication failed|password authentication failed/i.test(message);
}

function verdict(server: ServerError, ddl: boolean): Verdict {
  const { sqlState, message } = server;
  if (sqlState === null) return socketVerdict(message);
  return byMessage(sqlState, server, ddl) ?? byCode(sqlState, message) ?? byClass(sqlState);
}

function socketVerdict(message: string): Verdict {
  const trust =
    /certificate|self-signed|altnames|does not support SSL|SSL connection|sni was not|wrong version number/i;
  if (trust.test(message)) return ["MR_SINK_REFUSED", `TLS: ${message}`];
  const known =
    /terminated|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|timeout|not queryable/i;
  return ["MR_SINK_LOST_CONNECTION", known.test(message) ? message : "the connection failed"];
}

/** Where DSQL gives one SQLSTATE to several things, its message tells them apart. */
function byMessage(sqlState: string, { message, hint }: ServerError, ddl: boolean): Verdict | null {
  const has = (pattern: RegExp) => pattern.test(message);
  if (sqlState === "08006" && has(/access denied/i))
    return ["MR_SINK_REFUSED", `access denied${deniedReason(hint)}`];
  if (has(/waking up cluster|server unavailable/i))
    return ["MR_SINK_LOST_CONNECTION", "the server is not ready yet"];
  if (has(STALE_PLAN)) {
    return ["MR_SINK_CONFLICT", "a prepared statement went stale"];
  }
  if (!sqlState.startsWith("54")) return null;
  if (has(/transaction (row|size|age) limit/i))
    return ["MR_SINK_TOO_LARGE", "the transaction is over a limit of the sink"];
  if (has(/temp space/i))
    return ["MR_SINK_TOO_LARGE", "the statement needs more memory than the sink gives"];
  // What a statement without rows is told holds names and numbers only: which limit, and how high it is.
  if (ddl) return ["MR_SINK_REFUSED", `a limit of the sink is reached: ${message}`];
  return ["MR_SINK_ROW_REFUSED", `${tooLarge(message)} is larger than the sink takes`];
}

/** Which of the limits on sizes it is, as far as the server tells. */
function tooLarge(message: string): string {
  if (/key size/i.test(message)) return "the row's key";
  if (/row size/i.test(message)) return "the row as a whole";
  const type = /datatype limit.* not supported for ([a-z ]+)$/i.exec(message)?.[1];
  return type === undefined ? "a value, a key or a row" : `a value of type ${type}`;
}

function deniedReason(hint: string): string {
  if (/expired/i.test(hint)) return ": the token has expired; compare this machine's clock";
  if (/not authorized/i.test(hint))
    return ": the IAM identity lacks dsql:DbConnect or dsql:DbConnectAdmin";
  if (/wrong user to action/i.test(hint))
    return ": the token is for another kind of role; see admin-user";
  return "";
}

const BY_CODE: Readonly<Record<string, Verdict>> = {
  "40003": ["MR_SINK_UNKNOWN_COMMIT", "the server does not know whether the statement completed"],
  "23505": ["MR_SINK_CONSTRAINT", "a unique constraint does not allow the row"],
  "23P01": ["MR_SINK_CONSTRAINT", "an exclusion constraint does not allow the row"],
  "23502": ["MR_SINK_ROW_REFUSED", "a column of the target does not take NULL"],
  "23503": ["MR_SINK_CONSTRAINT", "a foreign key of the target does not allow the row"],
  "23514": ["MR_SINK_ROW_REFUSED", "a check constraint of the target does not allow the row"],
  "25P02": ["MR_SINK_CONFLICT", "the transaction was aborted already"],
  "25006": ["MR_SINK_LOST_CONNECTION", "the server is read-only for now"],
  "42P05": ["MR_SINK_CONFLICT", "a prepared statement went stale"],
  "26000": ["MR_SINK_CONFLICT", "a prepared statement went stale"],
  "42501": ["MR_SINK_REFUSED", "the role lacks a right"],
  "42P01": ["MR_SINK_SCHEMA", "a table is missing"],
  "42703": ["MR_SINK_SCHEMA", "a column is missing"],
  "42804": ["MR_SINK_SCHEMA", "a column has another type than expected"],
  "42846": ["MR_SINK_SCHEMA", "a column has another type than expected"],
  "42883": ["MR_SINK_SCHEMA", "the key's type has no comparison"],
  "42P10": ["MR_SINK_SCHEMA", "the target has no unique key on the key columns"],
  "3F000": ["MR_SINK_SCHEMA", "a schema is missing"],
  "3D000": ["MR_SINK_REFUSED", "the database does not exist"],
  "55P03": ["MR_SINK_CONFLICT", "a lock could not be had"],
  "55006": ["MR_SINK_CONFLICT", "an object is in use"],
  // Nothing is wrong with what was sent: tried again until there is room.
  "53100": ["MR_SINK_LOST_CONNECTION", "the server's disk is full"],
  "53200": ["MR_SINK_LOST_CONNECTION", "the server is out of memory"],
  "53300": ["MR_SINK_LOST_CONNECTION", "the server has no connection left"],
};

function byCode(sqlState: string, message: string): Verdict | null {
  if (sqlState === "40001")
    return [
      "MR_SINK_CONFLICT",
      /OC001|schema has been/i.test(message) ? "the catalogue changed" : "a row changed",
    ];
  if (sqlState === "0A000") return ["MR_SINK_REFUSED", "the sink does not support this statement"];
  return BY_CODE[sqlState] ?? null;
}

function byClass(sqlState: string): Verdict {
  switch (sqlState.slice(0, 2)) {
    case "08":
    case "53":
    case "57":
    case "58":
    case "XX":
      return ["MR_SINK_LOST_CONNECTION", "the server broke off"];
    case "28":
      return ["MR_SINK_REFUSED", "wrong user or password"];
    case "40":
      return ["MR_SINK_CONFLICT", "the transaction was rolled back"];
    case "42":
    case "0A":
      return ["MR_SINK_REFUSED", "the sink refuses a statement"];
    default:
      return ["MR_SINK_ROW_REFUSED", "the sink refuses the row's data"];
  }
}

/** Names are safe to show; they are what makes a refusal useful. */
function names({ constraint, column }: ServerError): ErrorFacts {
  return { ...(constraint === null ? {} : { constraint }), ...(column === null ? {} : { column }) };
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof ExchangeError ? thrown.cause : thrown;
}

function readServerError(thrown: unknown): ServerError {
  const error = causeOf(thrown);
  const at = (name: string): string | null => {
    const value: unknown =
      typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
    return typeof value === "string" && value !== "" ? value : null;
  };
  const code = at("code");
  // A socket's EPIPE has five capitals too; every SQLSTATE has a digit.
  const state = code !== null && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : null;
  const severity = at("severity");
  return {
    sqlState: state,
    message: [at("message"), state === null ? code : null]
      .filter((part) => part !== null)
      .join(" "),
    hint: at("hint") ?? "",
    constraint: at("constraint"),
    column: at("column"),
    fatal: severity === "FATAL" || severity === "PANIC",
  };
}
