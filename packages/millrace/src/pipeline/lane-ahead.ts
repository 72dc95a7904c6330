import { type BatchLimits, BatchScan, type ScannedQueue } from "./batch-length.ts";
import type { NextRows } from "./batch-writer.ts";
import type { LaneItem, RowItem } from "./lane-item.ts";
import { isFullOfBytes, type LaneQueue } from "./lane-queue.ts";
import type { LaneQueues } from "./lane-queues.ts";

/** What stands behind the transaction in flight. */
class Behind implements ScannedQueue {
  readonly #queue: LaneQueue;

  constructor(queue: LaneQueue) {
    this.#queue = queue;
  }

  get length(): number {
    return this.#queue.waiting;
  }

  get state(): number {
    return this.#queue.state;
  }

  at(index: number): LaneItem | undefined {
    return this.#queue.at(this.#queue.inFlight + index);
  }
}

/** A transaction in flight, and who wants to know what comes behind it. */
interface Flight {
  readonly queue: LaneQueue;
  readonly behind: Behind;
  readonly limits: BatchLimits;
  readonly asked: ((rows: readonly RowItem[] | null) => void)[];
}

/**
 * The transaction that a lane sends next, told before its time: as soon as all of it waits, and only where nothing else would
 * go before it. Who makes it ready has to have it again: its items are those that are sent then, or nothing of it counts.
 */
export class LaneAhead {
  readonly #queues: LaneQueues;
  readonly #scan = new BatchScan();
  #flight: Flight | null = null;
  #told: { readonly queue: LaneQueue; readonly items: readonly LaneItem[] } | null = null;

  constructor(queues: LaneQueues) {
    this.#queues = queues;
  }

  /** A transaction goes; who writes it may ask what comes behind it under these limits. */
  begin(queue: LaneQueue, limits: BatchLimits): NextRows {
    const flight: Flight = { queue, behind: new Behind(queue), limits, asked: [] };
    this.#flight = flight;
    this.#told = null;
    return () =>
      new Promise((resolve) => {
        if (this.#flight !== flight) return resolve(null);
        flight.asked.push(resolve);
        this.look();
      });
  }

  /** It is over. */
  end(): void {
    for (const tell of this.#flight?.asked ?? []) tell(null);
    this.#flight = null;
  }

  /** More may wait than before. Hot: once per row. */
  look(): void {
    const flight = this.#flight;
    if (flight === null || flight.asked.length === 0) return;
    const { queue, limits } = flight;
    if (queue.waiting >= limits.maxRows || isFullOfBytes(queue, limits.maxBytes))
      this.#lookClosely(flight);
  }

  /** How many items of a queue's head were told before; 0 where it has another one now. */
  take(queue: LaneQueue): number {
    const told = this.#told;
    this.#told = null;
    if (told?.queue !== queue) return 0;
    return told.items.every((item, i) => queue.at(i) === item) ? told.items.length : 0;
  }

  #lookClosely(flight: Flight): void {
    const { queue, behind, limits, asked } = flight;
    if (!queue.patience.isFresh || !this.#isAlone(queue)) return;
    const within = queue === this.#queues.loads ? this.#queues.ready - queue.inFlight : undefined;
    const { items } = this.#scan.length(behind, {
      ...limits,
      ...(within === undefined ? {} : { within }),
    });
    if (!this.#scan.isFull) return;
    const whole: LaneItem[] = [];
    const rows: RowItem[] = [];
    for (let i = 0; i < items; i++) {
      const item = behind.at(i);
      if (item === undefined) return;
      whole.push(item);
      if (item.kind === "row") rows.push(item);
    }
    this.#told = { queue, items: whole };
    for (const tell of asked.splice(0)) tell(rows);
  }

  /** Nothing of the other queue would have its turn first. */
  #isAlone(queue: LaneQueue): boolean {
    const { changes, loads } = this.#queues;
    const other = queue === changes ? loads : changes;
    for (let i = 0; i < other.length; i++) {
      const kind = other.at(i)?.kind;
      if (kind !== "mark" && kind !== "chunk-mark") return false;
    }
    return true;
  }
}
