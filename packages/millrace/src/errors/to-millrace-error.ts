import type { ErrorCode } from "./catalogue.ts";
import { MillraceError } from "./millrace-error.ts";

/** Wraps what is not ours yet under `fallback`. An unknown error is transient for a connection (I1). */
export function toMillraceError(thrown: unknown, fallback: ErrorCode): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new MillraceError(fallback, detail, { cause: thrown });
}
