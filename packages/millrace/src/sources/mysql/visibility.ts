import { MillraceError } from "../../errors/millrace-error.ts";
import type { Json, TransactionId } from "../../model/position.ts";
import { GtidSet } from "./gtid-set.ts";
import {
  compareOffsets,
  loggedTransaction,
  type LogOffset,
  offsetText,
  parseOffset,
} from "./transaction-id.ts";

/** Which commits of XA transactions a snapshot of MariaDB sees, which are in the log before the engine has them. */
export interface XaSeen {
  /** Those that begin before it, */
  readonly before: LogOffset;
  /** but for these, which were prepared still. */
  readonly except: readonly string[];
}

/**
 * Which transactions a snapshot certainly sees (I7; docs/design/006 has the proofs). What it does not prove counts as
 * not seen.
 */
export class Visibility {
  static readonly NOTHING = new Visibility(GtidSet.EMPTY, null);
  readonly #executed: GtidSet;
  /** All that begin before it are seen; null where nothing is known by places. */
  readonly before: LogOffset | null;
  /** Null where they are as all others. */
  readonly #xa: XaSeen | null;

  private constructor(executed: GtidSet, before: LogOffset | null, xa: XaSeen | null = null) {
    this.#executed = executed;
    this.before = before;
    this.#xa = xa;
  }

  /** `executed`: transactions with GTIDs; `before`: those that are known by their place. */
  static of(executed: GtidSet, before: LogOffset | null, xa: XaSeen | null = null): Visibility {
    return new Visibility(executed, before, xa);
  }

  /** Reads what {@link token} wrote. @throws MillraceError MR_BUG or MR_SOURCE_PROTOCOL */
  static ofToken(token: Json): Visibility {
    if (token === null || typeof token !== "object") throw notAToken();
    const executed: unknown = Reflect.get(token, "executed");
    const before: unknown = Reflect.get(token, "before");
    if (typeof executed !== "string" || (before !== null && typeof before !== "string"))
      throw notAToken();
    const place = before === null ? null : parseOffset(before);
    return new Visibility(GtidSet.parse(executed), place, xaOf(Reflect.get(token, "xa")));
  }

  /** What tells the same after a restart. */
  get token(): Json {
    const { before } = this;
    const xa = this.#xa;
    return {
      executed: this.#executed.toString(),
      before: before === null ? null : offsetText(before),
      ...(xa === null ? {} : { xa: { before: offsetText(xa.before), except: xa.except } }),
    };
  }

  /** Whether the snapshot certainly sees this transaction. */
  sees(id: TransactionId): boolean {
    const transaction = loggedTransaction(id);
    if ("gtid" in transaction) return this.#executed.has(transaction.gtid);
    const { place, xid } = transaction;
    if (this.before === null || compareOffsets(place, this.before) >= 0) return false;
    const xa = xid === null ? null : this.#xa;
    return xa === null || (compareOffsets(place, xa.before) < 0 && !xa.except.includes(xid ?? ""));
  }
}

function xaOf(xa: unknown): XaSeen | null {
  if (xa === undefined) return null;
  if (xa === null || typeof xa !== "object") throw notAToken();
  const before: unknown = Reflect.get(xa, "before");
  const except: unknown = Reflect.get(xa, "except");
  if (typeof before !== "string" || !Array.isArray(except)) throw notAToken();
  return { before: parseOffset(before), except: except.map(String) };
}

function notAToken(): MillraceError {
  return new MillraceError("MR_BUG", "not a snapshot's token");
}
