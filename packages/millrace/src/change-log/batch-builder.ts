import type { LogBatch, LogItem } from "../model/change.ts";
import type { Position } from "../model/position.ts";

/** Negative where `a` comes before `b`, 0 where they are the same. */
type Compare<P> = (a: P, b: P) => number;

/** A point of what is gathered, to go back to. */
export interface BatchMark<P extends Position> {
  /** Since the builder was made. */
  readonly items: number;
  /** Their weight, bytes. */
  readonly bytes: number;
  readonly position: P;
  /** The last one at or before it. */
  readonly boundary: P;
  /** Time at the source of what came last, milliseconds since 1970. */
  readonly sourceTimeMs: number | null;
}

/**
 * Gathers what flows into batches, with the position after the last item and what may be acknowledged by then. `P` is the
 * source's kind of position; a boundary is one of those between two transactions.
 */
export class BatchBuilder<P extends Position> {
  #items: LogItem[] = [];
  #bytes = 0;
  /** Of batches that were taken. */
  #takenItems = 0;
  #takenBytes = 0;
  /** What comes behind it is not given yet. */
  #held: BatchMark<P> | null = null;
  /** Where batches end before all that is gathered does, in order. */
  readonly #cuts: BatchMark<P>[] = [];
  /** Weight of what is gathered up to the last of them, bytes. */
  #cutBytes = 0;
  /** Everything at or before this was taken in. */
  #position: P;
  /** Position of the last batch. */
  #given: P;
  /** The last boundary: what may be acknowledged once all before it is durable (I4). */
  #boundary: P;
  #sourceTimeMs: number | null = null;
  readonly #compare: Compare<P>;
  readonly #toBeginAt: (position: P) => P;

  /**
   * Nothing at or before `from` is given again; `boundary` is the last one at or before it. `toBeginAt` adds to the position
   * that is reached what a run has to know that begins there.
   */
  constructor(from: P, boundary: P, compare: Compare<P>, toBeginAt = (position: P): P => position) {
    this.#position = from;
    this.#given = from;
    this.#boundary = boundary;
    this.#compare = compare;
    this.#toBeginAt = toBeginAt;
  }

  /** Weight of the batch so far, bytes: of what came behind the last {@link cut}. */
  get bytes(): number {
    return this.#bytes - this.#cutBytes;
  }

  /** Weight of all that is gathered, bytes. */
  get gatheredBytes(): number {
    return this.#bytes;
  }

  /** A batch is here that was {@link cut}, and may be given. */
  get hasCut(): boolean {
    const cut = this.#cuts[0];
    return cut !== undefined && (this.#held === null || cut.items <= this.#held.items);
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

  /** Where it stands. */
  mark(): BatchMark<P> {
    return {
      items: this.#takenItems + this.#items.length,
      bytes: this.#takenBytes + this.#bytes,
      position: this.#position,
      boundary: this.#boundary,
      sourceTimeMs: this.#sourceTimeMs,
    };
  }

  /** A batch ends here: what is held is given in batches of some size, too, once it may be. */
  cut(): void {
    this.#cuts.push(this.#sealed(this.mark()));
    this.#cutBytes = this.#bytes;
  }

  /** What a run has to know is that of now: what comes later is not before this place. */
  #sealed(mark: BatchMark<P>): BatchMark<P> {
    const position = this.#toBeginAt(mark.position);
    return { ...mark, position, boundary: this.#toBeginAt(mark.boundary) };
  }

  /** What comes from here on is not given before {@link release}: it may turn out never to have happened. */
  hold(): void {
    this.#held = this.mark();
  }

  /** What was held may be given. */
  release(): void {
    this.#held = null;
  }

  /** What came since then never happened. It must have been held since then. */
  takeBack({ items, bytes, position }: BatchMark<P>): void {
    this.#items.length = items - this.#takenItems;
    this.#bytes = bytes - this.#takenBytes;
    this.#position = position;
    const cuts = this.#cuts;
    let last = cuts.at(-1);
    while (last !== undefined && this.#compare(last.position, position) > 0) {
      cuts.pop();
      last = cuts.at(-1);
    }
    this.#cutBytes = last === undefined ? 0 : last.bytes - this.#takenBytes;
  }

  /** What came since the last batch and is not held, up to a {@link cut}; null where that is nothing at all. */
  take(): LogBatch | null {
    const cut = this.hasCut ? this.#cuts.shift() : undefined;
    const stand = cut ?? this.#held ?? this.mark();
    const count = stand.items - this.#takenItems;
    const hasMoved = this.#compare(stand.position, this.#given) > 0;
    if (count === 0 && !hasMoved) return null;
    const end = cut ?? this.#sealed(stand);
    const all = this.#items;
    const isAll = count === all.length;
    const batch: LogBatch = {
      items: isAll ? all : all.slice(0, count),
      position: end.position,
      acknowledge: end.boundary,
      sourceTimeMs: end.sourceTimeMs,
      bytes: end.bytes - this.#takenBytes,
    };
    this.#given = end.position;
    this.#items = isAll ? [] : all.slice(count);
    this.#bytes -= batch.bytes;
    this.#cutBytes = Math.max(0, this.#cutBytes - batch.bytes);
    this.#takenItems = end.items;
    this.#takenBytes = end.bytes;
    return batch;
  }
}
