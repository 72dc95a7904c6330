import type { Clock } from "../../model/ports.ts";
import type { SourceWait } from "../../model/source.ts";

/** A step that is over before this is no wait, milliseconds. */
const SHOWN_AFTER_MS = 1_000;

/** Something that the server is asked once and may take long over; `wait` tells of it while it does. */
export class LongStep {
  readonly #clock: Clock;
  readonly #says: Omit<SourceWait, "sinceMs">;
  #sinceMs: number | null = null;

  constructor(clock: Clock, says: Omit<SourceWait, "sinceMs">) {
    this.#clock = clock;
    this.#says = says;
  }

  /** Null where nothing takes long. */
  get wait(): SourceWait | null {
    const sinceMs = this.#sinceMs;
    if (sinceMs === null || this.#clock.now() - sinceMs < SHOWN_AFTER_MS) return null;
    return { ...this.#says, sinceMs };
  }

  /** Does it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#sinceMs = this.#clock.now();
    try {
      return await work();
    } finally {
      this.#sinceMs = null;
    }
  }
}
