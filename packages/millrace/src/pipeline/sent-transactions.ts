import type { TransactionId } from "../model/position.ts";

/**
 * Source transactions that went to the lanes, from their first change on, and that no snapshot is known to see yet.
 * A chunk's snapshot must see all that were here when its window opened; a commit is in the log before snapshots see
 * it (DESIGN "Chunk rows and changes"). What is left of it travels with the frontier row.
 */
export class SentTransactions {
  readonly #ids: Set<TransactionId>;

  constructor(carried: Iterable<TransactionId>) {
    this.#ids = new Set(carried);
  }

  get size(): number {
    return this.#ids.size;
  }

  add(id: TransactionId): void {
    this.#ids.add(id);
  }

  list(): TransactionId[] {
    return [...this.#ids];
  }

  /** Of `asked`, only `unseen` are still not visible; the others are forgotten. */
  prune(asked: readonly TransactionId[], unseen: readonly TransactionId[]): void {
    const keep = new Set(unseen);
    for (const id of asked) if (!keep.has(id)) this.#ids.delete(id);
  }
}
