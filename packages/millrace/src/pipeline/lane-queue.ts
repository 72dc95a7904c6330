import type { LaneItem } from "./lane-item.ts";
import { Patience } from "./patience.ts";

const FIRST_SLOTS = 1024;
const TRANSACTIONS_HELD = 2;

/**
 * FIFO in a ring: no shifting of arrays on the hot path, and what was taken is let go of at once. An array that is
 * old to the garbage collector and still points at rows keeps them, and all that they hold, through every collection
 * of young objects; that was a quarter of the pipeline's time.
 */
export class LaneQueue {
  /** A power of two long. */
  #slots: (LaneItem | undefined)[] = emptySlots(FIRST_SLOTS);
  #head = 0;
  #length = 0;
  #dropped = 0;
  #state = 0;
  #bytes = 0;
  /** Items of the transaction in flight, at the head; they stay in the queue until it is durable. */
  inFlight = 0;
  /** With what stands at the head. */
  readonly patience = new Patience();

  get length(): number {
    return this.#length;
  }

  /** What its rows weigh, those of the transaction in flight too. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Items behind those of the transaction in flight. */
  get waiting(): number {
    return this.#length - this.inFlight;
  }

  /** How many have ever left it. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Another number once something but a push has happened to it. */
  get state(): number {
    return this.#state;
  }

  /** How many have ever come: what stands at its end now has left it when so many have. */
  get pushed(): number {
    return this.#dropped + this.#length;
  }

  push(item: LaneItem): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
    this.#bytes += weightOf(item);
  }

  at(index: number): LaneItem | undefined {
    if (index >= this.#length) return undefined;
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  /** Removes the first `count` items. */
  drop(count: number): void {
    this.#state++;
    const mask = this.#slots.length - 1;
    for (let i = 0; i < count; i++) {
      const at = (this.#head + i) & mask;
      this.#bytes -= weightOf(this.#slots[at]);
      this.#slots[at] = undefined;
    }
    this.#head = (this.#head + count) & mask;
    this.#length -= count;
    this.#dropped += count;
    this.inFlight = Math.max(0, this.inFlight - count);
  }

  /** Takes out all that waits behind the transaction in flight. */
  takeWaiting(): LaneItem[] {
    this.#state++;
    const items: LaneItem[] = [];
    const mask = this.#slots.length - 1;
    for (let i = this.inFlight; i < this.#length; i++) {
      const at = (this.#head + i) & mask;
      const item = this.#slots[at];
      if (item !== undefined) items.push(item);
      this.#bytes -= weightOf(item);
      this.#slots[at] = undefined;
    }
    this.#length = this.inFlight;
    return items;
  }

  /** Puts items in front of the last `behind` items, which wait. */
  insert(items: readonly LaneItem[], behind: number): void {
    if (items.length === 0) return;
    this.#state++;
    const old = this.#length;
    for (const item of items) this.push(item);
    const mask = this.#slots.length - 1;
    const from = old - behind;
    for (let i = old - 1; i >= from; i--)
      this.#slots[(this.#head + i + items.length) & mask] = this.at(i);
    for (const [i, item] of items.entries()) this.#slots[(this.#head + from + i) & mask] = item;
  }

  /** Puts these of its items in front of all others, in the order that they have; nothing is in flight. */
  bringForward(wanted: ReadonlySet<LaneItem>): void {
    this.#state++;
    const items = this.take(this.#length);
    const others = items.filter((item) => !wanted.has(item));
    const ordered = [...items.filter((item) => wanted.has(item)), ...others];
    const mask = this.#slots.length - 1;
    for (const [i, item] of ordered.entries()) this.#slots[(this.#head + i) & mask] = item;
  }

  /** The first `count` items; they stay. */
  take(count: number): LaneItem[] {
    const items: LaneItem[] = [];
    for (let i = 0; i < count; i++) {
      const item = this.at(i);
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  #grow(): void {
    const slots = emptySlots(this.#slots.length * 2);
    for (let i = 0; i < this.#length; i++) slots[i] = this.at(i);
    this.#slots = slots;
    this.#head = 0;
  }
}

/**
 * What it holds weighs as much as two transactions, the one in flight and the one behind it: of wide rows that is so long before
 * it has their number of rows.
 */
export function isFullOfBytes(queue: Pick<LaneQueue, "bytes">, maxBytes: number): boolean {
  return queue.bytes >= TRANSACTIONS_HELD * maxBytes;
}

function weightOf(item: LaneItem | undefined): number {
  return item?.kind === "row" ? item.weight : 0;
}

function emptySlots(count: number): (LaneItem | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
