import type { Clock } from "../model/ports.ts";

/** Changes that came so lately make rows of loads go in small transactions. */
const BESIDE_MS = 1_000;
/** What the rows of a load may add to the time of a transaction, where a transaction by itself takes less. */
const LEAST_SHARE_MS = 5;
/** The same of a load that gives way: each change of a transaction waits for it in another lane. */
const SMALL_SHARE_MS = 2;
const LEAST_ROWS = 100;
/** Of a new measurement in what is known. */
const WEIGHT = 0.2;

/**
 * How many rows of a load go in one transaction of a lane through which changes come too: so many that they take as
 * long as a transaction takes by itself. Then a change waits for little more than it would for one of its own, and a
 * sink that is far away, where small transactions would be the end of a load, still gets large ones.
 */
export class LoadPace {
  readonly #clock: Pick<Clock, "monotonic">;
  /** What a transaction takes whatever is in it, and what a row of a load adds to that, milliseconds. */
  #alone: number | null = null;
  #perRow: number | null = null;
  #changeMs = -Infinity;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** At most so many rows of loads now, where `most` fit; fewer where they are to be `small` transactions. */
  rows(most: number, small = false): number {
    if (this.#clock.monotonic() - this.#changeMs >= BESIDE_MS) return most;
    if (this.#perRow === null || this.#perRow <= 0) return Math.min(most, LEAST_ROWS);
    const shareMs = Math.max(small ? SMALL_SHARE_MS : LEAST_SHARE_MS, this.#alone ?? 0);
    return Math.min(most, Math.max(LEAST_ROWS, Math.floor(shareMs / this.#perRow)));
  }

  /** A transaction of changes is durable. */
  changes(rows: number, tookMs: number): void {
    this.#changeMs = this.#clock.monotonic();
    this.#alone = blend(this.#alone, Math.max(0, tookMs - rows * (this.#perRow ?? 0)));
  }

  /** A transaction of rows of loads is durable. */
  load(rows: number, tookMs: number): void {
    this.#perRow = blend(this.#perRow, Math.max(0, tookMs - (this.#alone ?? 0)) / rows);
  }
}

function blend(known: number | null, measured: number): number {
  return known === null ? measured : known + WEIGHT * (measured - known);
}
