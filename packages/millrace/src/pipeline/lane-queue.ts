import type { LaneItem } from "./lane-item.ts";

/** FIFO with a head index: no shifting of arrays on the hot path. */
export class LaneQueue {
  #items: LaneItem[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: LaneItem): void {
    this.#items.push(item);
  }

  at(index: number): LaneItem | undefined {
    return this.#items[this.#head + index];
  }

  /** Removes the first `count` items. */
  drop(count: number): void {
    this.#head += count;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The first `count` items. */
  take(count: number): LaneItem[] {
    return this.#items.slice(this.#head, this.#head + count);
  }
}
