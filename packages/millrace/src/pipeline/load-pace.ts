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

/** What transactions take at a sink, as the lanes of a run measure it together. */
export class TransactionTimes {
  /** Whatever is in one, and what a row of a load adds to that, milliseconds; null until it was measured. */
  #aloneMs: number | null = null;
  #rowMs: number | null = null;

  get aloneMs(): number | null {
    return this.#aloneMs;
  }

  get rowMs(): number | null {
    return this.#rowMs;
  }

  /** A transaction of changes is durable. */
  changes(rows: number, tookMs: number): void {
    this.#aloneMs = blend(this.#aloneMs, Math.max(0, tookMs - rows * (this.#rowMs ?? 0)));
  }

  /** A transaction of rows of loads is durable. */
  load(rows: number, tookMs: number): void {
    this.#rowMs = blend(this.#rowMs, Math.max(0, tookMs - (this.#aloneMs ?? 0)) / rows);
  }
}

/**
 * How many rows of a load go in one transaction of a lane through which changes come too: so many that they take as
 * long as a transaction takes by itself. Then a change waits for little more than it would for one of its own, and a
 * sink that is far away, where small transactions would be the end of a load, still gets large ones.
 */
export class LoadPace {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #times: TransactionTimes;
  #changeMs = -Infinity;

  /** Of one lane, which measures with others. */
  constructor(clock: Pick<Clock, "monotonic">, times: TransactionTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  /**
   * At most so many rows of loads now, where `most` fit; fewer where they are to be `small` transactions, which holds of
   * lanes without changes too: what a change of another one waits for is the machine.
   */
  rows(most: number, small = false): number {
    if (!small && this.#clock.monotonic() - this.#changeMs >= BESIDE_MS) return most;
    const { aloneMs, rowMs } = this.#times;
    if (rowMs === null || rowMs <= 0) return Math.min(most, LEAST_ROWS);
    const shareMs = Math.max(small ? SMALL_SHARE_MS : LEAST_SHARE_MS, aloneMs ?? 0);
    return Math.min(most, Math.max(LEAST_ROWS, Math.floor(shareMs / rowMs)));
  }

  /** A transaction of changes is durable. */
  changes(rows: number, tookMs: number): void {
    this.#changeMs = this.#clock.monotonic();
    this.#times.changes(rows, tookMs);
  }

  /** A transaction of rows of loads is durable. */
  load(rows: number, tookMs: number): void {
    this.#times.load(rows, tookMs);
  }
}

function blend(known: number | null, measured: number): number {
  return known === null ? measured : known + WEIGHT * (measured - known);
}
