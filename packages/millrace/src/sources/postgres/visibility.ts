import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, TransactionId } from "../../model/position.ts";

/**
 * Which transactions a snapshot sees, from `pg_current_snapshot()`: all below `xmin`, none from `xmax` on, and of those
 * between them the ones that are not listed as running. 64-bit ids, so that nothing wraps around.
 *
 * A hot standby lists its running transactions where that function does not look; there everything from `xmin` on
 * counts as not seen ("not provably seen counts as newer", I7).
 */
export class Visibility {
  readonly xmin: bigint;
  readonly xmax: bigint;
  readonly #running: ReadonlySet<string>;

  private constructor(xmin: bigint, xmax: bigint, running: readonly string[]) {
    this.xmin = xmin;
    this.xmax = xmax;
    this.#running = new Set(running);
  }

  /** Reads `xmin:xmax:xip,xip…`. @throws MillraceError MR_BUG */
  static parse(snapshot: string, inRecovery = false): Visibility {
    const match = /^(\d+):(\d+):([\d,]*)$/.exec(snapshot);
    const [, xmin, xmax, running] = match ?? [];
    if (xmin === undefined || xmax === undefined || running === undefined) {
      throw new MillraceError("MR_BUG", `"${snapshot}" is not a snapshot`);
    }
    if (inRecovery) return new Visibility(BigInt(xmin), BigInt(xmin), []);
    return new Visibility(BigInt(xmin), BigInt(xmax), running === "" ? [] : running.split(","));
  }

  /** Reads what {@link token} wrote. @throws MillraceError MR_BUG */
  static ofToken(token: Json): Visibility {
    if (typeof token !== "string") throw new MillraceError("MR_BUG", "not a snapshot's token");
    return Visibility.parse(token);
  }

  /** What tells the same after a restart. */
  get token(): string {
    return `${this.xmin}:${this.xmax}:${[...this.#running].join(",")}`;
  }

  /** Whether the snapshot certainly sees this transaction, if it committed. */
  sees(transaction: TransactionId): boolean {
    const xid = BigInt(transaction);
    if (xid < this.xmin) return true;
    return xid < this.xmax && !this.#running.has(transaction);
  }
}
