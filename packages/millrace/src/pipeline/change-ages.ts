import type { Transaction } from "../model/change.ts";
import type { Clock } from "../model/ports.ts";
import { isOfLog, type LaneItem, type RowItem } from "./lane-item.ts";

/** A transaction that goes on for long is no older than so many of its changes. */
const CHANGES_A_TIME = 256;

/** The changes from this one on, by how many had come before it, came then. */
interface Arrival {
  readonly from: number;
  readonly atMs: number;
}

/**
 * Since when a lane's changes wait, as far as they are not durable: a time for each source transaction. Changes keep their
 * order whatever rows of loads are moved between them, so counting them is enough. Hot: once per change.
 */
export class ChangeAges {
  readonly #clock: Pick<Clock, "monotonic">;
  /** The oldest first; all that wait are behind the first one's `from`. */
  readonly #arrivals: Arrival[] = [];
  #transaction: Transaction | null = null;
  #came = 0;
  #from = 0;
  #gone = 0;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** An item came to its lane's end. */
  came(item: LaneItem): void {
    if (item.kind !== "row" || !isOfLog(item)) return;
    const { transaction } = item;
    const isSame = transaction !== null && transaction.id === this.#transaction?.id;
    if (!isSame || this.#came - this.#from >= CHANGES_A_TIME || this.#gone === this.#came) {
      this.#transaction = transaction;
      this.#from = this.#came;
      this.#arrivals.push({ from: this.#came, atMs: this.#clock.monotonic() });
    }
    this.#came++;
  }

  /** When the oldest of those came that are not durable; null where none waits. */
  get oldestMs(): number | null {
    return this.#arrivals[0]?.atMs ?? null;
  }

  /** These are durable: the oldest of all, with what was among them. */
  durable(rows: readonly RowItem[]): void {
    for (const row of rows) if (isOfLog(row)) this.#gone++;
    if (this.#gone === this.#came) this.#arrivals.length = 0;
    for (let next = this.#arrivals[1]; next !== undefined && next.from <= this.#gone;) {
      this.#arrivals.shift();
      next = this.#arrivals[1];
    }
  }
}
