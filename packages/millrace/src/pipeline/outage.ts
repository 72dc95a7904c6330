import type { ErrorClass, MillraceError } from "../errors/millrace-error.ts";
import type { Clock } from "../model/ports.ts";
import type { Retrying, TaskEvent } from "./status.ts";

/** How often a failure that goes on is told, milliseconds. */
const TELL_EVERY_MS = 30_000;
/** Conflicts are everyday life on snapshot isolation; so many in a row are not. */
const CONFLICTS_WORTH_TELLING = 10;

interface OutageParts {
  readonly clock: Clock;
  readonly tell: (event: TaskEvent) => void;
}

/**
 * The time in which a server does not do what it is asked: what `status` shows, and what is told of it: the first
 * failure, then one line now and then, and its end (I11).
 */
export class Outage {
  readonly #parts: OutageParts;
  readonly #toldMs = new Map<string, number>();
  #current: Retrying | null = null;
  /** When it began, by the clock that does not jump. */
  #beganMs = 0;
  #class: ErrorClass | null = null;
  #conflicts = 0;
  #told = false;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  get current(): Retrying | null {
    return this.#current;
  }

  /** An attempt failed and is made again after `waitMs`. */
  failed(error: MillraceError, waitMs: number): void {
    if (error.class === "conflict" && ++this.#conflicts < CONFLICTS_WORTH_TELLING) return;
    const { clock } = this.#parts;
    const nowMs = clock.now();
    if (this.#current === null) this.#beganMs = clock.monotonic();
    const { code, remedy } = error;
    const { sinceMs = nowMs, attempts = 0 } = this.#current ?? {};
    const nextTryMs = nowMs + waitMs;
    this.#class = error.class;
    this.#current = {
      code,
      message: error.message,
      remedy,
      sinceMs,
      attempts: attempts + 1,
      nextTryMs,
    };
    const toldMs = this.#toldMs.get(code);
    if (toldMs !== undefined && clock.monotonic() - toldMs < TELL_EVERY_MS) return;
    this.#toldMs.set(code, clock.monotonic());
    this.#told = true;
    this.#parts.tell({
      type: "retry",
      code,
      attempt: attempts + 1,
      waitMs,
      message: error.message,
      remedy,
      sinceMs,
    });
  }

  /** A commit is durable after failures. What a table's shape broke is not mended by the commit of another lane. */
  committed(): void {
    this.#conflicts = 0;
    if (this.#class !== "schema") this.over();
  }

  /** Everything works again. */
  over(): void {
    const was = this.#current;
    this.#current = null;
    this.#conflicts = 0;
    if (was === null || !this.#told) return;
    this.#told = false;
    const { code, attempts } = was;
    this.#parts.tell({
      type: "recovered",
      code,
      attempts,
      lastedMs: this.#parts.clock.monotonic() - this.#beganMs,
    });
  }
}
