import type { TransactionId } from "../../model/position.ts";
import { EventType } from "./event-types.ts";
import { gtidText } from "./gtid-set.ts";
import { decodeGtid, decodeMariaDbGtid, decodeTaggedGtid } from "./log-events.ts";
import { mariaDbGtidText } from "./mariadb-gtid.ts";
import type { LoggedEvent } from "./payload.ts";
import {
  gtidTransaction,
  type LogOffset,
  mariaDbTransaction,
  placedTransaction,
} from "./transaction-id.ts";

/** What the first event of a group says of it. */
export interface GroupBegin {
  /** Null where it has none. */
  readonly gtid: string | null;
  /** Milliseconds since 1970. */
  readonly commitTimeMs: number;
  /** What snapshots know the transaction by that begins there. */
  readonly idAt: (place: LogOffset) => TransactionId;
  /** Rows may come until the group's end is said; else its one statement ends it. */
  readonly isTransaction: boolean;
  /** The group's rows count only with XA COMMIT. */
  readonly isPrepared: boolean;
  /** Its statement is not done yet, or never will be. */
  readonly isUndone: boolean;
  /** Whether its rows count is not known before its end. */
  readonly isInDoubt: boolean;
}

/** Null where the event begins no group. @throws MillraceError MR_SOURCE_PROTOCOL */
export function groupBegin(event: LoggedEvent): GroupBegin | null {
  const { buffer, type, bodyStart: start, bodyEnd: end, serverId, timestampSeconds } = event;
  const timeMs = timestampSeconds * 1000;
  if (type === EventType.MARIADB_GTID) {
    const begun = decodeMariaDbGtid(buffer, start, end, serverId);
    const { gtid, isStandalone, isPrepared, isUndone } = begun;
    return {
      gtid: mariaDbGtidText(gtid),
      commitTimeMs: timeMs,
      idAt: (at) => mariaDbTransaction(gtid, at),
      isTransaction: !isStandalone,
      isPrepared,
      isUndone,
      // Nothing in its first event tells a group that ends in ROLLBACK.
      isInDoubt: !isStandalone && !isPrepared,
    };
  }
  const isAnonymous = type === EventType.ANONYMOUS_GTID;
  if (type !== EventType.GTID && type !== EventType.GTID_TAGGED && !isAnonymous) return null;
  const { gtid, commitTimeMs, mayHaveStatements } =
    type === EventType.GTID_TAGGED
      ? decodeTaggedGtid(buffer, start, end)
      : decodeGtid(buffer, start, end, isAnonymous);
  return {
    gtid: gtid === null ? null : gtidText(gtid),
    commitTimeMs: commitTimeMs ?? timeMs,
    idAt: gtid === null ? placedTransaction : () => gtidTransaction(gtid),
    isTransaction: false,
    isPrepared: false,
    isUndone: false,
    // Only statements among the rows keep what is rolled back in the log.
    isInDoubt: mayHaveStatements,
  };
}
