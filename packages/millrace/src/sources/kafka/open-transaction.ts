import type { FetchAnswer } from "../../kafka/wire.ts";
import type { Clock } from "../../model/ports.ts";
import type { SourceWait } from "../../model/source.ts";

/** A transaction that is open for less is nothing to tell of. */
const TOLD_AFTER_MS = 5_000;

/** Somebody's open transaction in front of messages that are there: nobody may read them before it has ended. */
export class OpenTransaction {
  readonly #clock: Clock;
  readonly #where: string;
  #sinceMs: number | null = null;
  #offset = -1;

  constructor(clock: Clock, where: string) {
    this.#clock = clock;
    this.#where = where;
  }

  /** What a Fetch up to `end` brought. */
  see({ highWatermark, lastStableOffset }: FetchAnswer, end: number): void {
    const isHeld =
      lastStableOffset >= 0 && lastStableOffset < highWatermark && end >= lastStableOffset;
    if (!isHeld) this.#sinceMs = null;
    else if (this.#sinceMs === null || this.#offset !== lastStableOffset) {
      this.#sinceMs = this.#clock.now();
      this.#offset = lastStableOffset;
    }
  }

  /** For the status. */
  waits(): readonly SourceWait[] {
    const sinceMs = this.#sinceMs;
    if (sinceMs === null || this.#clock.now() - sinceMs < TOLD_AFTER_MS) return [];
    const why = `for a producer's transaction in ${this.#where} to end, which is open since offset ${this.#offset}`;
    return [{ what: "log", reason: "transaction-open", why, sinceMs }];
  }
}
