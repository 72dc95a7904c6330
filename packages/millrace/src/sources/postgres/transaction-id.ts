import type { TransactionId } from "../../model/position.ts";

/**
 * Makes 64-bit transaction ids of the 32 bits that the log has, so that they can be compared with snapshots for ever.
 * Ids that are alive together lie within 2^31 of each other (that is what the server's wrap-around protection is
 * for), so the one nearest to an id seen shortly before is the right one.
 */
export class TransactionIds {
  #reference: number;

  /** `reference` is `pg_snapshot_xmax(pg_current_snapshot())` of about now. */
  constructor(reference: number) {
    this.#reference = reference;
  }

  /** The full id of a transaction of the log. */
  full(xid: number): TransactionId {
    const distance = (xid - (this.#reference >>> 0)) | 0;
    const full = this.#reference + distance;
    if (full > this.#reference) this.#reference = full;
    return String(full);
  }
}
