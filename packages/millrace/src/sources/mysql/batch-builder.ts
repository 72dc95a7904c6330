import type { LogBatch, LogItem } from "../../model/change.ts";
import { boundary, comparePositions, type LogGroup, type LogPosition } from "./position.ts";

/** Gathers what flows into batches, with the position after the last item and what may be acknowledged by then. */
export class BatchBuilder {
  #items: LogItem[] = [];
  #bytes = 0;
  /** Everything at or before this was taken in. */
  #position: LogPosition;
  /** Position of the last batch. */
  #given: LogPosition;
  /** The last boundary: what may be acknowledged once all before it is durable (I4). */
  #boundary: LogPosition;
  #sourceTimeMs: number | null = null;

  /** Nothing at or before `from` is given again. */
  constructor(from: LogPosition) {
    this.#position = from;
    this.#given = from;
    this.#boundary = boundary(from[0]);
  }

  /** Weight of the batch so far, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  add(item: LogItem, bytes: number): void {
    this.#items.push(item);
    this.#bytes += bytes;
  }

  /** Everything up to here was taken in, wanted or not. */
  passed(position: LogPosition): void {
    this.#position = position;
  }

  /** Everything before this group was taken in, and none is open. */
  passedBoundary(group: LogGroup): void {
    const position = boundary(group);
    if (comparePositions(position, this.#position) <= 0) return;
    this.#boundary = position;
    this.#position = position;
  }

  /** Time at the source of what comes last, milliseconds since 1970. */
  at(sourceTimeMs: number): void {
    this.#sourceTimeMs = sourceTimeMs;
  }

  /** What came since the last batch; null where that is nothing at all. */
  take(): LogBatch | null {
    const hasMoved = comparePositions(this.#position, this.#given) > 0;
    if (this.#items.length === 0 && !hasMoved) return null;
    const batch: LogBatch = {
      items: this.#items,
      position: this.#position,
      acknowledge: this.#boundary,
      sourceTimeMs: this.#sourceTimeMs,
      bytes: this.#bytes,
    };
    this.#given = this.#position;
    this.#items = [];
    this.#bytes = 0;
    return batch;
  }
}
