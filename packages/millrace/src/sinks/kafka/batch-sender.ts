import type { RecordHeader } from "../../kafka/record-batch.ts";
import {
  type BatchPlace,
  type BatchProducer,
  BuilderPool,
  TransactionBatches,
} from "./transaction-batches.ts";

/**
 * The batches of one transaction after the other, and beside them those of the next one while that waits for its turn. What is
 * told beside rows goes to the one that is under way.
 */
export class BatchSender {
  readonly #producer: BatchProducer;
  readonly #pool = new BuilderPool();
  #current: TransactionBatches;

  constructor(producer: BatchProducer) {
    this.#producer = producer;
    this.#current = this.#make(false);
  }

  /** The next transaction begins: with `ready`, what was made of it before, or with nothing. */
  begin(ready: TransactionBatches | null = null): TransactionBatches {
    this.#current = ready ?? this.#make(false);
    this.#current.release();
    return this.#current;
  }

  /** For what comes behind the transaction under way: none of it is sent before it is given to {@link begin}. */
  hold(): TransactionBatches {
    return this.#make(true);
  }

  /** See {@link TransactionBatches.add}. */
  add(
    place: BatchPlace,
    partition: number,
    timeMs: number,
    key: Buffer,
    keyLength: number,
    value: Buffer,
    valueLength: number,
    headers: readonly RecordHeader[],
  ): boolean {
    return this.#current.add(place, partition, timeMs, key, keyLength, value, valueLength, headers);
  }

  #make(isHeld: boolean): TransactionBatches {
    return new TransactionBatches(this.#producer, this.#pool, isHeld);
  }
}
