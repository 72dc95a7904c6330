import type { TransactionId } from "../model/position.ts";
import type { Source } from "../model/source.ts";

/**
 * Source transactions that went to the lanes, from their first change on, and that no snapshot is known to see yet.
 * A chunk's snapshot must see all that were here when its window opened; a commit is in the log before snapshots see
 * it (design/001 "Chunk rows against the log"). What is left of it travels with the frontier row.
 *
 * Where snapshots may be hours behind the log (a standby), one id stands for all of this run (I10).
 */
export class SentTransactions {
  readonly #ids: Set<TransactionId>;
  readonly #join: Source["joinTransactions"];
  #joined: TransactionId | null = null;

  constructor(carried: Iterable<TransactionId>, join?: Source["joinTransactions"]) {
    this.#ids = new Set(carried);
    this.#join = join;
  }

  get size(): number {
    return this.#ids.size;
  }

  add(id: TransactionId): void {
    if (this.#join === undefined || this.#joined === null) {
      this.#joined = id;
      this.#ids.add(id);
      return;
    }
    const joined = this.#join(this.#joined, id);
    this.#ids.delete(this.#joined);
    this.#ids.add(joined);
    this.#joined = joined;
  }

  list(): TransactionId[] {
    return [...this.#ids];
  }

  /** Of `asked`, only `unseen` are still not visible; the others are forgotten. */
  prune(asked: readonly TransactionId[], unseen: readonly TransactionId[]): void {
    const keep = new Set(unseen);
    for (const id of asked) {
      if (keep.has(id)) continue;
      this.#ids.delete(id);
      if (id === this.#joined) this.#joined = null;
    }
  }
}
