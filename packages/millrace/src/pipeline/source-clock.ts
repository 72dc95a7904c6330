import type { Clock } from "../model/ports.ts";

/** Clocks of two machines may differ, and each of them jump: this is what a source's clock says now, as told lately. */
export class SourceClock {
  readonly #clock: Clock;
  /** The source's clock less our monotonic one; null while it was never told. */
  #aheadMs: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The source's clock said this at some time since our monotonic one said `askedMs`. */
  told(timeMs: number, askedMs: number): void {
    this.#aheadMs = timeMs - (askedMs + this.#clock.monotonic()) / 2;
  }

  /** How long ago that was at the source; by our own clock where the source's is not known. Never negative. */
  ageMs(sourceTimeMs: number): number {
    const now =
      this.#aheadMs === null ? this.#clock.now() : this.#clock.monotonic() + this.#aheadMs;
    return Math.max(0, now - sourceTimeMs);
  }

  /** What our own clock said then. */
  ownMs(sourceTimeMs: number): number {
    return this.#clock.now() - this.ageMs(sourceTimeMs);
  }
}
