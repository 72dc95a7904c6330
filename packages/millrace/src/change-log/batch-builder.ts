import type { LogBatch, LogItem } from "../model/change.ts";
import type { Position } from "../model/position.ts";

/** Negative where `a` comes before `b`, 0 where they are the same. */
type Compare<P> = (a: P, b: P) => number;

/**
 * Gathers what flows into batches, with the position after the last item and what may be acknowledged by then. `P` is the
 * source's kind of position; a boundary is one of those between two transactions.
 */
export class BatchBuilder<P extends Position> {
  #items: LogItem[] = [];
  #bytes = 0;
  /** Everything at or before this was taken in. */
  #position: P;
  /** Position of the last batch. */
  #given: P;
  /** The last boundary: what may be acknowledged once all before it is durable (I4). */
  #boundary: P;
  #sourceTimeMs: number | null = null;
  readonly #compare: Compare<P>;

  /** Nothing at or before `from` is given again; `boundary` is the last one at or before it. */
  constructor(from: P, boundary: P, compare: Compare<P>) {
    this.#position = from;
    this.#given = from;
    this.#boundary = boundary;
    this.#compare = compare;
  }

  /** Weight of the batch so far, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Everything at or before this was taken in. */
  get position(): P {
    return this.#position;
  }

  add(item: LogItem, bytes: number): void {
    this.#items.push(item);
    this.#bytes += bytes;
  }

  /** An event of the open transaction was taken in, wanted or not. */
  passed(position: P): void {
    this.#position = position;
  }

  /** Everything before this boundary was taken in, and no transaction is open. */
  passedBoundary(boundary: P): void {
    if (this.#compare(boundary, this.#position) <= 0) return;
    this.#boundary = boundary;
    this.#position = boundary;
  }

  /** Time at the source of what comes last, milliseconds since 1970. */
  at(sourceTimeMs: number): void {
    this.#sourceTimeMs = sourceTimeMs;
  }

  /** What came since the last batch; null where that is nothing at all. */
  take(): LogBatch | null {
    const hasMoved = this.#compare(this.#position, this.#given) > 0;
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
