import { MillraceError } from "../errors/millrace-error.ts";
import { toMillraceError } from "../errors/to-millrace-error.ts";
import { RestartNeeded } from "./committer.ts";
import { backoffMs } from "./retry.ts";
import type { TaskParts } from "./task-api.ts";

const RESTART_CAP_MS = 15_000;

/** What is asked of a task's parts after a run has failed. */
export type FailureParts = Pick<TaskParts, "clock" | "random" | "observer" | "settings"> &
  Required<Pick<TaskParts, "explain">>;

/** What comes after a run that failed: another one, after a wait, or the end. */
export class RunFailures {
  readonly #parts: FailureParts;
  readonly #retries: Record<string, number> = {};
  /** What a running log has lost, until a run has met it (I8). */
  #loss: MillraceError | null = null;

  constructor(parts: FailureParts) {
    this.#parts = parts;
  }

  /** Failures by their code. */
  get retries(): Readonly<Record<string, number>> {
    return this.#retries;
  }

  /** The loss that the next run is to meet. */
  get loss(): MillraceError | null {
    return this.#loss;
  }

  /** A run has met the loss. */
  met(): void {
    this.#loss = null;
  }

  /** Null to begin again, after a wait; else what the task fails with. */
  async after(thrown: unknown, attempt: number, halt: AbortSignal): Promise<MillraceError | null> {
    const { clock, random, explain } = this.#parts;
    if (thrown instanceof RestartNeeded) {
      // What needed a takeover may need the next one too: never without a wait.
      const pauseMs = backoffMs(attempt, 20, RESTART_CAP_MS, random);
      if (thrown.cause instanceof MillraceError) this.#tell(explain(thrown.cause), pauseMs);
      await clock.sleep(pauseMs, halt).catch(() => undefined);
      return null;
    }
    const error = explain(toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION"));
    const isMet = error.class === "loss" && this.#loss === null && this.#mayResync;
    // The log that told of the loss would tell of it again: the next run makes it anew.
    if (isMet) this.#loss = error;
    const again = isMet || mayPass(error);
    const waitMs = backoffMs(attempt, 100, RESTART_CAP_MS, random);
    this.#tell(error, again ? waitMs : null);
    if (!again) return error;
    await clock.sleep(waitMs, halt).catch(() => undefined);
    return null;
  }

  /** `waitMs` is what passes before the next run; null where there is none. */
  #tell(error: MillraceError, waitMs: number | null): void {
    const { code } = error;
    this.#retries[code] = (this.#retries[code] ?? 0) + 1;
    const again = waitMs === null ? {} : { error, waitMs };
    this.#parts.observer.failed({ code, class: error.class, ...again });
  }

  get #mayResync(): boolean {
    return this.#parts.settings.onLoss === "resync";
  }
}

/** Another run may not meet it. */
function mayPass(error: MillraceError): boolean {
  return (
    error.class === "transient" ||
    error.class === "conflict" ||
    error.class === "unknown-outcome" ||
    error.class === "schema"
  );
}
