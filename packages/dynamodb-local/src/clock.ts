/** The time that everything goes by; tests move it. */

/** A clock that can be shifted. */
export class Clock {
  #shiftMs = 0;

  nowMs(): number {
    return Date.now() + this.#shiftMs;
  }

  /** Moves it by so much; it stays moved. */
  shift(ms: number): void {
    this.#shiftMs += ms;
  }

  /** How far it is from the machine's. */
  get shiftMs(): number {
    return this.#shiftMs;
  }

  reset(): void {
    this.#shiftMs = 0;
  }
}
