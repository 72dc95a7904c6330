import type { ErrorCode } from "./catalogue.ts";
import { MillraceError } from "./millrace-error.ts";
import { ownFault } from "./own-fault.ts";
import { safeMessage } from "./safe-text.ts";

/** Wraps what is not ours yet: a fault of our own code as MR_BUG, all else under `fallback`. An unknown error is transient for a connection (I1). */
export function toMillraceError(thrown: unknown, fallback: ErrorCode): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  return ownFault(thrown) ?? new MillraceError(fallback, safeMessage(thrown), { cause: thrown });
}
