import { lastOffsetIn, readBatches, type RecordBatch } from "./record-reader.ts";
import type { FetchAnswer } from "./wire.ts";

/** What the one record of a control batch says in its key, behind a version of two bytes. */
const ABORT = 0;
const COMMIT = 1;

/**
 * The batches of a Fetch that belong to no aborted transaction, and no control batches. A broker leaves them to its clients:
 * it says only where aborted transactions begin.
 * @throws KafkaFault `corrupt`
 */
export function* committedBatches(answer: FetchAnswer): Generator<RecordBatch, void, void> {
  const begins = answer.aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const aborted = new Set<bigint>();
  let next = 0;
  for (const batch of readBatches(answer.records)) {
    for (let begin = begins[next]; begin !== undefined; begin = begins[++next]) {
      if (begin.firstOffset > batch.lastOffset) break;
      aborted.add(begin.producerId);
    }
    if (batch.isControl) {
      if (endOf(batch) === ABORT) aborted.delete(batch.producerId);
    } else if (!batch.isTransactional || !aborted.has(batch.producerId)) yield batch;
  }
}

/**
 * Gives batches that were read with what is not committed yet, each once it is known to be: those of a transaction with its
 * end. What has no end within what was read is never given.
 */
export class DecidedBatches {
  readonly #open = new Map<bigint, RecordBatch[]>();

  /** Takes the next batch; gives those that it decides, in their order. */
  take(batch: RecordBatch): readonly RecordBatch[] {
    const { producerId, isControl, isTransactional } = batch;
    if (!isControl && !isTransactional) return [batch];
    const open = this.#open.get(producerId) ?? [];
    if (!isControl) {
      this.#open.set(producerId, [...open, batch]);
      return [];
    }
    this.#open.delete(producerId);
    return endOf(batch) === COMMIT ? open : [];
  }
}

function endOf({ records }: RecordBatch): number | null {
  // Length, attributes, time, offset: a byte each; the key's length; version and type.
  return records.length >= 9 ? records.readInt16BE(7) : null;
}

/** The offset behind everything that the answer holds, or `offset` where it holds nothing. */
export function offsetBehind(answer: FetchAnswer, offset: number): number {
  return Math.max(offset, lastOffsetIn(answer.records) + 1);
}
