import type { Position, TransactionId } from "../model/position.ts";
import type { Mark, RowItem } from "./lane-item.ts";
import type { LaneQueue } from "./lane-queue.ts";

/** What bounds one transaction at the sink. */
export interface BatchLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** What the sink says a row weighs, bytes. */
  readonly estimateBytes: (item: RowItem) => number;
  /** Source transactions are kept whole as far as they fit (design/001, at its end). */
  readonly whole: boolean;
  /** Only so many items of the queue. */
  readonly within?: number;
}

/** What is looked at of a queue: {@link LaneQueue}, or what stands in it behind the transaction in flight. */
export type ScannedQueue = Pick<LaneQueue, "length" | "at" | "state">;

/** The items at a queue's head that go in the next transaction. */
export interface BatchLength {
  readonly items: number;
  /** They are the beginning of this source transaction, whose rest is not here yet and would fit. */
  readonly open: TransactionId | null;
}

/** Rows and the marks among them, up to the limits; never cut within a position. */
export function batchLength(queue: ScannedQueue, limits: BatchLimits): BatchLength {
  return new BatchScan().length(queue, limits);
}

/**
 * The same, asked again and again while a queue grows: what was looked at is not looked at again. A lane that waits for the rest of
 * a transaction is asked once per batch of the log, and looked at each row three times.
 *
 * Hot: once per row. Short rows weigh what the log says of them; only where it could matter is the sink's own estimate
 * asked.
 */
export class BatchScan {
  #source: OpenTransaction | null = null;
  #at = 0;
  #rows = 0;
  #bytes = 0;
  #position: Position | null | undefined;
  /** What it was begun with. */
  #queue: ScannedQueue | null = null;
  #state = -1;
  #maxRows = 0;
  #isFull = false;
  /** Index of the first row of a load behind whose like no mark stands yet. */
  #loadFrom: number | null = null;

  /** No row that came behind those of the last answer would go with them. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** See {@link batchLength}. */
  length(queue: ScannedQueue, limits: BatchLimits): BatchLength {
    const { maxRows, maxBytes, estimateBytes } = limits;
    this.#beginUnlessSame(queue, limits);
    this.#isFull = false;
    const source = this.#source;
    source?.lookAgain();
    const end = Math.min(queue.length, limits.within ?? queue.length);
    let i = this.#at;
    for (; i < end; i++) {
      const item = queue.at(i);
      if (item === undefined) break;
      if (item.kind === "meeting" || item.kind === "discard") {
        this.#at = i;
        return { items: i, open: null };
      }
      if (item.kind === "mark") source?.mark(item);
      if (item.kind === "chunk-mark") this.#loadFrom = null;
      if (item.kind !== "row") continue;
      source?.row(item, i);
      const weight = item.weight < 1024 ? 1024 : estimateBytes(item);
      const together = item.position !== null && item.position === this.#position;
      const isFull = this.#rows >= maxRows || this.#bytes + weight > maxBytes;
      if (this.#rows > 0 && !together && isFull) {
        this.#at = i;
        this.#isFull = true;
        const cut = source?.cut(i) ?? i;
        return { items: cut === i ? this.#cutLoad(i) : cut, open: null };
      }
      if (item.load !== null) this.#loadFrom ??= i;
      this.#rows++;
      this.#bytes += weight;
      this.#position = item.position;
    }
    this.#at = i;
    const rest = source?.rest(i) ?? { items: i, open: null };
    this.#isFull = rest.items === i && rest.open === null && this.#rows >= maxRows;
    return rest;
  }

  /** Behind a mark nobody has to be told which of its rows are durable (007). */
  #cutLoad(index: number): number {
    return this.#loadFrom === null || this.#loadFrom === 0 ? index : this.#loadFrom;
  }

  #beginUnlessSame(queue: ScannedQueue, { maxRows, whole }: BatchLimits): void {
    const isSame =
      queue === this.#queue &&
      queue.state === this.#state &&
      maxRows === this.#maxRows &&
      whole === (this.#source !== null);
    if (isSame) return;
    this.#queue = queue;
    this.#state = queue.state;
    this.#maxRows = maxRows;
    this.#source = whole ? new OpenTransaction() : null;
    this.#at = 0;
    this.#loadFrom = null;
    this.#rows = 0;
    this.#bytes = 0;
    this.#position = undefined;
  }
}

/** The source transaction that the last row of the log belongs to, until its end is seen. Rows of chunks have none. */
class OpenTransaction {
  #id: TransactionId | null = null;
  /** Index of its first row. */
  #from = 0;
  /** The last one behind its last row. */
  #mark: Mark | null = null;

  row({ change: { transaction } }: RowItem, index: number): void {
    if (transaction === null) return;
    this.#mark = null;
    if (transaction.id === this.#id) return;
    this.#id = transaction.id;
    this.#from = index;
  }

  mark(mark: Mark): void {
    this.#mark = mark;
    this.lookAgain();
  }

  /** A mark may say more later on, when a batch of the log brings no rows: chunks may stand behind it by then. */
  lookAgain(): void {
    if (this.#mark?.endsTransaction === true) this.#id = null;
  }

  /** Where to cut before `index`, where the limits are reached: a transaction that does not fit at all is cut there. */
  cut(index: number): number {
    return this.#id === null || this.#from === 0 ? index : this.#from;
  }

  /** What goes where nothing more is here. */
  rest(length: number): BatchLength {
    if (this.#id === null) return { items: length, open: null };
    if (this.#from > 0) return { items: this.#from, open: null };
    return { items: length, open: this.#id };
  }
}
