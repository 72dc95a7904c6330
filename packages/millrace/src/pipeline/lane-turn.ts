import type { LaneTurns } from "./load-turns.ts";

/** The turn of one lane to send rows of a load: from before they go until they are durable or refused. */
export class LaneTurn {
  readonly #turns: LaneTurns;
  readonly #wake: () => void;
  #isTaken = false;

  /** `wake` is called when one that was not there may be. */
  constructor(turns: LaneTurns, wake: () => void) {
    this.#turns = turns;
    this.#wake = wake;
  }

  /** Whether the lane has it, now that it asks. */
  take(): boolean {
    this.#isTaken ||= this.#turns.take();
    return this.#isTaken;
  }

  /** It has to be woken when there may be one. */
  await(): void {
    this.#turns.whenFree(this.#wake);
  }

  end(): void {
    if (this.#isTaken) this.#turns.ended();
    this.#isTaken = false;
  }
}
