import type { LaneItem } from "./lane-item.ts";

const FIRST_SLOTS = 1024;

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

  get length(): number {
    return this.#length;
  }

  push(item: LaneItem): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  at(index: number): LaneItem | undefined {
    if (index >= this.#length) return undefined;
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  /** Removes the first `count` items. */
  drop(count: number): void {
    const mask = this.#slots.length - 1;
    for (let i = 0; i < count; i++) this.#slots[(this.#head + i) & mask] = undefined;
    this.#head = (this.#head + count) & mask;
    this.#length -= count;
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

function emptySlots(count: number): (LaneItem | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}
