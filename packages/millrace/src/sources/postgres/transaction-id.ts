import { MillraceError } from "../../errors/millrace-error.ts";
import type { TransactionId } from "../../model/position.ts";
import { formatLsn, parseLsn } from "./position.ts";

/**
 * What a {@link TransactionId} of this source says: `1234@0/16B3748` is transaction 1234, whose COMMIT record begins at
 * that LSN. A primary's snapshots tell transactions by their ids, a standby's by the log that they have replayed.
 * `<=1234@0/16B3748` stands for all transactions up to that id whose COMMIT records begin at or before that LSN. Ids
 * without an LSN are those of earlier versions.
 */
export interface LoggedTransaction {
  readonly xid: bigint;
  readonly commitLsn: number | null;
}

const FORM = /^(?:<=)?(\d+)(?:@([0-9A-F]{1,8}\/[0-9A-F]{1,8}))?$/i;

/** The id of one transaction. */
export function transactionId(xid: string, commitLsn: number): TransactionId {
  return `${xid}@${formatLsn(commitLsn)}`;
}

/** Reads an id. @throws MillraceError MR_BUG */
export function loggedTransaction(id: TransactionId): LoggedTransaction {
  const [, xid, lsn] = FORM.exec(id) ?? [];
  if (xid === undefined) throw new MillraceError("MR_BUG", "not an id of a transaction");
  return { xid: BigInt(xid), commitLsn: lsn === undefined ? null : parseLsn(lsn) };
}

/** The id that stands for both, and for whatever came between them. */
export function joinTransactions(one: TransactionId, other: TransactionId): TransactionId {
  const a = loggedTransaction(one);
  const b = loggedTransaction(other);
  const xid = a.xid > b.xid ? a.xid : b.xid;
  return `<=${xid}@${formatLsn(Math.max(a.commitLsn ?? 0, b.commitLsn ?? 0))}`;
}

/** Whether an id stands for more than one transaction. */
export function isJoined(id: TransactionId): boolean {
  return id.startsWith("<=");
}

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
  full(xid: number): string {
    const distance = (xid - (this.#reference >>> 0)) | 0;
    const full = this.#reference + distance;
    if (full > this.#reference) this.#reference = full;
    return String(full);
  }
}
