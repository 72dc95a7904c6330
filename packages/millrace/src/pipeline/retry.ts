import type { ErrorClass } from "../errors/millrace-error.ts";
import type { Random } from "../model/ports.ts";

/** What to do about a failed commit. */
export type Decision =
  /** Look at the lane rows first, then the same batch again after `waitMs`. */
  | { readonly action: "again"; readonly waitMs: number }
  /** It certainly did not happen and never will as it is: find the row. */
  | { readonly action: "bisect" }
  /** Take over anew and read the checkpoints: the one way that is right whatever happened. */
  | { readonly action: "restart" }
  | { readonly action: "stop" };

/** Conflicts in a row after which the task starts over: someone else writes these rows all the time. */
export const MAX_CONFLICTS = 60;

/**
 * The one decision about failures of a commit. `uncertain`: an earlier attempt of this batch ended in an unknown
 * COMMIT that may still land; then only the same batch, or a takeover, is right (I6).
 */
export function decide(
  failure: ErrorClass,
  attempt: number,
  uncertain: boolean,
  random: Random,
): Decision {
  switch (failure) {
    case "transient":
    case "unknown-outcome":
      return { action: "again", waitMs: backoffMs(attempt, 50, 5_000, random) };
    case "conflict":
      if (attempt >= MAX_CONFLICTS) return { action: "restart" };
      return { action: "again", waitMs: backoffMs(attempt, 5, 1_000, random) };
    case "row":
    case "too-large":
      return uncertain ? { action: "restart" } : { action: "bisect" };
    case "schema":
      return { action: "restart" };
    case "fenced":
    case "loss":
    case "config":
    case "bug":
      return { action: "stop" };
  }
}

/** Exponential with full jitter: uniform in (0, min(cap, base × 2^attempt)], milliseconds. */
export function backoffMs(attempt: number, baseMs: number, capMs: number, random: Random): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 20));
  return Math.ceil(ceiling * (0.25 + 0.75 * random()));
}
