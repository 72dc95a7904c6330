import type { FaultKind } from "./service-fault.ts";

/** What is done about a call that failed. */
export type Retry =
  /** The same again, after a pause of up to `ceilingMs`. */
  | { readonly ceilingMs: number; readonly renew: boolean }
  /** Whoever asked decides. */
  | null;

/** How a call takes being told that it is too much. */
export type Throttling =
  /** It is one of few, and waits by itself. */
  | "wait"
  /** Whoever asks goes by a rate of its own, and has to hear of it. */
  | "tell";

const LOST = { tries: 4, baseMs: 50, capMs: 1_000 };
const THROTTLED = { tries: 8, baseMs: 100, capMs: 5_000 };

/**
 * The one decision about calls that failed; `attempt` counts from 0. What stays wrong for longer than a few tries goes to
 * the pipeline, which tries for ever and says so.
 */
export function retryOf(kind: FaultKind, attempt: number, throttling: Throttling): Retry {
  switch (kind) {
    case "lost":
      return again(LOST, attempt);
    case "throttled":
      return throttling === "wait" ? again(THROTTLED, attempt) : null;
    case "credentials":
      return attempt === 0 ? { ceilingMs: 0, renew: true } : null;
    case "skew":
      // The signer has taken the service's clock from the answer.
      return attempt === 0 ? { ceilingMs: 0, renew: false } : null;
    case "rights":
    case "missing":
    case "trimmed":
    case "expired-iterator":
    case "refused":
      return null;
  }
}

function again({ tries, baseMs, capMs }: typeof LOST, attempt: number): Retry {
  if (attempt + 1 >= tries) return null;
  return { ceilingMs: Math.min(capMs, baseMs * 2 ** attempt), renew: false };
}
