/** Units of throughput: so many a second, and what was not used of the last minutes. */

/** A bucket that may be overdrawn by the last one who took from it. */
export class Bucket {
  readonly unitsPerSecond: number;
  readonly #most: number;
  readonly #nowMs: () => number;
  #units: number;
  #filledMs: number;

  constructor(unitsPerSecond: number, burstSeconds: number, nowMs: () => number) {
    this.unitsPerSecond = unitsPerSecond;
    this.#most = unitsPerSecond * burstSeconds;
    this.#nowMs = nowMs;
    this.#units = this.#most;
    this.#filledMs = nowMs();
  }

  /** Whether anything may be done now. */
  get hasUnits(): boolean {
    this.#fill();
    return this.#units > 0;
  }

  /** Takes what was used. */
  take(units: number): void {
    this.#fill();
    this.#units -= units;
  }

  #fill(): void {
    const nowMs = this.#nowMs();
    const grown = ((nowMs - this.#filledMs) / 1_000) * this.unitsPerSecond;
    this.#units = Math.min(this.#most, this.#units + Math.max(0, grown));
    this.#filledMs = nowMs;
  }
}
