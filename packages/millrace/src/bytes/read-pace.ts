/** Reads of about this size cost next to nothing per row. */
const TARGET_BYTES = 32_768;
/** Below this rate a wake-up per row costs less than a tenth of a core, and every row is given at once. */
const BUSY_BYTES_PER_MS = 8_000;
/** A timer is never shorter. Longer waits would fill the receive window, which holds some 50 KB of small segments. */
const TIMER_MS = 1;
/** Weight of the newest read in the rate. */
const SMOOTHING = 0.2;
/** A longer time between two reads says that the stream, or its reader, rested: no more need be known. */
const REST_MS = 20;

/** What to do after a read: give it, or leave the socket alone for a while first. */
export type Pause =
  | { readonly kind: "none" }
  | { readonly kind: "timer" | "nap"; readonly ms: number };

const NONE: Pause = { kind: "none" };

/**
 * Decides when a read is worth waiting for company, from the rate at which bytes came of late.
 *
 * Quiet streams are never kept waiting. On a busy one the wait is as long as {@link TARGET_BYTES} take to come: a
 * timer while that is a millisecond or more, which costs nothing; above some 30 MB/s, where a timer would throttle
 * the server, short naps between turns of the event loop, which let other work through. A
 * consumer that is slower than the server finds large reads, and there is nothing to wait for.
 */
export class ReadPace {
  /** Smoothed each, so that their ratio is the true rate, and short gaps do not count for more than they are. */
  #bytes = 0;
  #elapsedMs = REST_MS;
  #deliveredAtMs = 0;

  /** After a first read of `bytes`. */
  pauseAfter(bytes: number): Pause {
    const bytesPerMs = this.#bytes / this.#elapsedMs;
    if (bytes >= TARGET_BYTES || bytesPerMs < BUSY_BYTES_PER_MS) return NONE;
    const ms = (TARGET_BYTES - bytes) / bytesPerMs;
    return ms >= TIMER_MS ? { kind: "timer", ms: TIMER_MS } : { kind: "nap", ms };
  }

  /** `bytes` were given to the consumer at `nowMs`. */
  delivered(bytes: number, nowMs: number): void {
    const elapsedMs = Math.min(nowMs - this.#deliveredAtMs, REST_MS);
    this.#deliveredAtMs = nowMs;
    this.#bytes += SMOOTHING * (bytes - this.#bytes);
    this.#elapsedMs += SMOOTHING * (elapsedMs - this.#elapsedMs);
  }
}
