import type { Position, TransactionId } from "../model/position.ts";
import type { RowItem } from "./lane-item.ts";
import type { LaneQueue } from "./lane-queue.ts";

/** What bounds one transaction at the sink. */
export interface BatchLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** What the sink says a row weighs, bytes. */
  readonly estimateBytes: (item: RowItem) => number;
  /** Source transactions are kept whole as far as they fit (DESIGN "Source transactions"). */
  readonly whole: boolean;
  /** Only so many items of the queue. */
  readonly within?: number;
}

/** The items at a queue's head that go in the next transaction. */
export interface BatchLength {
  readonly items: number;
  /** They are the beginning of this source transaction, whose rest is not here yet and would fit. */
  readonly open: TransactionId | null;
}

/**
 * Rows and the marks among them, up to the limits; never cut within a position.
 *
 * Hot: once per row. Short rows weigh what the log says of them; only where it could matter is the sink's own estimate
 * asked.
 */
export function batchLength(queue: LaneQueue, limits: BatchLimits): BatchLength {
  const { maxRows, maxBytes, estimateBytes, whole } = limits;
  const source = whole ? new OpenTransaction() : null;
  const end = Math.min(queue.length, limits.within ?? queue.length);
  let rows = 0;
  let bytes = 0;
  let position: Position | null | undefined;
  let i = 0;
  for (; i < end; i++) {
    const item = queue.at(i);
    if (item === undefined) break;
    if (item.kind === "meeting" || item.kind === "discard") return { items: i, open: null };
    if (item.kind === "mark" && item.endsTransaction) source?.end();
    if (item.kind !== "row") continue;
    source?.row(item, i);
    const weight = item.bytes < 1024 ? 1024 : estimateBytes(item);
    const together = item.position !== null && item.position === position;
    if (rows > 0 && !together && (rows >= maxRows || bytes + weight > maxBytes))
      return { items: source?.cut(i) ?? i, open: null };
    rows++;
    bytes += weight;
    position = item.position;
  }
  return source?.rest(i) ?? { items: i, open: null };
}

/** The source transaction that the last row of the log belongs to, until its end is seen. Rows of chunks have none. */
class OpenTransaction {
  #id: TransactionId | null = null;
  /** Index of its first row. */
  #from = 0;

  row({ change: { transaction } }: RowItem, index: number): void {
    if (transaction === null || transaction.id === this.#id) return;
    this.#id = transaction.id;
    this.#from = index;
  }

  end(): void {
    this.#id = null;
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
