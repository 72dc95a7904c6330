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

/**
 * Which transactions a snapshot certainly sees (I7; docs/design/006 has the proofs). What it does not prove counts as
 * not seen.
 */
export class Visibility {
  static readonly NOTHING = new Visibility(GtidSet.EMPTY, null);
  readonly #executed: GtidSet;
  /** All that begin before it are seen; null where nothing is known by places. */
  readonly before: LogOffset | null;

  private constructor(executed: GtidSet, before: LogOffset | null) {
    this.#executed = executed;
    this.before = before;
  }

  /** `executed`: transactions with GTIDs; `before`: those that are known by their place. */
  static of(executed: GtidSet, before: LogOffset | null): Visibility {
    return new Visibility(executed, before);
  }

  /** Reads what {@link token} wrote. @throws MillraceError MR_BUG or MR_SOURCE_PROTOCOL */
  static ofToken(token: Json): Visibility {
    if (token === null || typeof token !== "object") throw notAToken();
    const executed: unknown = Reflect.get(token, "executed");
    const before: unknown = Reflect.get(token, "before");
    if (typeof executed !== "string" || (before !== null && typeof before !== "string"))
      throw notAToken();
    return new Visibility(GtidSet.parse(executed), before === null ? null : parseOffset(before));
  }

  /** What tells the same after a restart. */
  get token(): Json {
    const { before } = this;
    return {
      executed: this.#executed.toString(),
      before: before === null ? null : offsetText(before),
    };
  }

  /** Whether the snapshot certainly sees this transaction. */
  sees(id: TransactionId): boolean {
    const transaction = loggedTransaction(id);
    if ("gtid" in transaction) return this.#executed.has(transaction.gtid);
    return this.before !== null && compareOffsets(transaction.place, this.before) < 0;
  }
}

function notAToken(): MillraceError {
  return new MillraceError("MR_BUG", "not a snapshot's token");
}
