import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, TransactionId } from "../../model/position.ts";
import { formatLsn, parseLsn } from "./position.ts";
import { isJoined, loggedTransaction } from "./transaction-id.ts";

/**
 * Which transactions a snapshot sees (I7).
 *
 * On a primary, from `pg_current_snapshot()`: all below `xmin`, none from `xmax` on, and of those between them the ones
 * that are not listed as running. 64-bit ids, so that nothing wraps around.
 *
 * A hot standby keeps its running transactions where that function does not look, so that its list is always empty and
 * proves nothing. But there visibility follows the log: a transaction is visible once its COMMIT record was replayed.
 * What had been replayed *before* the snapshot was taken is seen by it; everything else counts as not seen.
 */
export class Visibility {
  readonly xmin: bigint;
  readonly #xmax: bigint;
  readonly #running: ReadonlySet<string>;
  /** On a standby: the end of what was replayed before the snapshot. */
  readonly #replayedLsn: number | null;

  private constructor(
    xmin: bigint,
    xmax: bigint,
    running: readonly string[],
    replayedLsn: number | null,
  ) {
    this.xmin = xmin;
    this.#xmax = xmax;
    this.#running = new Set(running);
    this.#replayedLsn = replayedLsn;
  }

  /** A primary's: reads `xmin:xmax:xip,xip…`. @throws MillraceError MR_BUG */
  static parse(snapshot: string): Visibility {
    const match = /^(\d+):(\d+):([\d,]*)$/.exec(snapshot);
    const [, xmin, xmax, running] = match ?? [];
    if (xmin === undefined || xmax === undefined || running === undefined) {
      throw new MillraceError("MR_BUG", `"${snapshot}" is not a snapshot`);
    }
    const xids = running === "" ? [] : running.split(",");
    return new Visibility(BigInt(xmin), BigInt(xmax), xids, null);
  }

  /** A standby's, with where it had replayed to before the snapshot. @throws MillraceError MR_BUG */
  static ofStandby(snapshot: string, replayedLsn: number): Visibility {
    const { xmin } = Visibility.parse(snapshot);
    return new Visibility(xmin, xmin, [], replayedLsn);
  }

  /** Reads what {@link token} wrote. @throws MillraceError MR_BUG */
  static ofToken(token: Json): Visibility {
    if (typeof token !== "string") throw new MillraceError("MR_BUG", "not a snapshot's token");
    const [xmin = "", lsn] = token.split("@");
    if (lsn === undefined) return Visibility.parse(token);
    return Visibility.ofStandby(`${xmin}:${xmin}:`, parseLsn(lsn));
  }

  /** What was replayed before, where the snapshot was taken during recovery; null on a primary. */
  get replayedLsn(): number | null {
    return this.#replayedLsn;
  }

  /** What tells the same after a restart. */
  get token(): string {
    if (this.#replayedLsn !== null) return `${this.xmin}@${formatLsn(this.#replayedLsn)}`;
    return `${this.xmin}:${this.#xmax}:${[...this.#running].join(",")}`;
  }

  /** Whether the snapshot certainly sees this transaction, if it committed. */
  sees(transaction: TransactionId): boolean {
    const { xid, commitLsn } = loggedTransaction(transaction);
    if (xid < this.xmin) return true;
    // Records are replayed one after another: where the end of the last one lies behind a record's begin, it was.
    if (this.#replayedLsn !== null) return commitLsn !== null && commitLsn < this.#replayedLsn;
    return !isJoined(transaction) && xid < this.#xmax && !this.#running.has(String(xid));
  }
}
