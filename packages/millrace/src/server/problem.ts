import type { ErrorCode } from "../errors/catalogue.ts";
import { CATALOGUE } from "../errors/catalogue.ts";
import type { MillraceError } from "../errors/millrace-error.ts";

/** A failure as RFC 9457 wants it, with our code. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy: string;
}

/** What a failure is over HTTP; what is neither the caller's fault nor a fence is an error of ours. */
export function problemOf(error: MillraceError): ProblemDocument {
  const { meaning } = CATALOGUE[error.code];
  return {
    type: `urn:millrace:error:${error.code}`,
    title: meaning,
    status: statusOf(error),
    detail: error.detail,
    code: error.code,
    remedy: error.remedy,
  };
}

/** The request is right, and the state does not allow it. */
const CONFLICTS: ReadonlySet<ErrorCode> = new Set([
  "MR_USAGE",
  "MR_NOT_RUNNING",
  "MR_TABLE_PAUSED",
  "MR_LOG_ONLY",
]);

function statusOf(error: MillraceError): number {
  if (error.code === "MR_NOT_FOUND") return 404;
  if (error.code === "MR_UNAUTHORIZED") return 401;
  if (CONFLICTS.has(error.code) || error.class === "fenced") return 409;
  return error.class === "config" ? 422 : error.class === "transient" ? 503 : 500;
}
