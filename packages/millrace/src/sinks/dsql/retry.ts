import { MillraceError } from "../../errors/millrace-error.ts";
import type { ErrorClass } from "../../errors/millrace-error.ts";
import type { Clock, Logger, Random } from "../../model/ports.ts";

/** What the sink's own short retries need from outside. */
export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends the waiting when the sink closes. */
  readonly signal: AbortSignal;
}

/** Up to a minute in all: sixteen starting tasks were seen to keep each other's catalogue stale for that long. */
const ATTEMPTS = 12;
const STEP_MS = 300;
/** The first time: mostly somebody has changed the catalogue, or writes the same row, and has done so by then. */
const FIRST_STEP_MS = 40;
const AGAIN: ReadonlySet<ErrorClass> = new Set<ErrorClass>([
  "transient",
  "conflict",
  "unknown-outcome",
]);

/**
 * Repeats idempotent work (a takeover, a DDL step that compares with the catalogue first) while it fails for reasons
 * that pass. Not for commits: the pipeline decides about those.
 */
export async function untilDone<T>(
  work: () => Promise<T>,
  ports: RetryPorts,
  doing: string,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof MillraceError) || !AGAIN.has(error.class) || attempt >= ATTEMPTS)
        throw error;
      ports.log.debug("trying again", { doing, code: error.code, attempt });
      await ports.clock.sleep(stepMs(attempt) * (0.25 + ports.random()), ports.signal);
    }
  }
}

function stepMs(attempt: number): number {
  return attempt === 1 ? FIRST_STEP_MS : STEP_MS * Math.min(attempt, 4);
}
