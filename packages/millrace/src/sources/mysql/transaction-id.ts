import { MillraceError } from "../../errors/millrace-error.ts";
import type { Transaction } from "../../model/change.ts";
import type { TransactionId } from "../../model/position.ts";
import { type Gtid, gtidText, parseGtid } from "./gtid-set.ts";
import { type MariaDbGtid, mariaDbGtidText } from "./mariadb-gtid.ts";

/** Where a group begins in the log of one server. */
export interface LogOffset {
  /** The number at the end of the binlog file's name. */
  readonly file: number;
  /** Bytes from the file's beginning. */
  readonly at: number;
}

/** Negative where `a` comes before `b`. */
export function compareOffsets(a: LogOffset, b: LogOffset): number {
  return a.file - b.file || a.at - b.at;
}

/** `3:1547`. */
export function offsetText({ file, at }: LogOffset): string {
  return `${file}:${at}`;
}

/** Reads {@link offsetText}. @throws MillraceError MR_BUG */
export function parseOffset(text: string): LogOffset {
  const [, file, at] = /^(\d+):(\d+)$/.exec(text) ?? [];
  if (file === undefined || at === undefined)
    throw new MillraceError("MR_BUG", "not a place of a MySQL log");
  return { file: Number(file), at: Number(at) };
}

/**
 * What a {@link TransactionId} of this source says, in the words that its server's snapshots are told by: MySQL's GTID
 * (`uuid:7`); without GTIDs where the group begins (`3:1547`); MariaDB's GTID, and by what its snapshots go, the place
 * (`0-1-7@3:1547`), for what commits an XA transaction with its name (`0-1-7@3:1547!X'78',X'',1`).
 */
export type LoggedTransaction =
  | { readonly gtid: Gtid }
  | { readonly place: LogOffset; readonly xid: string | null };

/** The id of a transaction of MySQL with a GTID. */
export function gtidTransaction(gtid: Gtid): TransactionId {
  return gtidText(gtid);
}

/** The id of a transaction of MySQL without a GTID. */
export function placedTransaction(place: LogOffset): TransactionId {
  return offsetText(place);
}

/** The id of a transaction of MariaDB. */
export function mariaDbTransaction(gtid: MariaDbGtid, place: LogOffset): TransactionId {
  return `${mariaDbGtidText(gtid)}@${offsetText(place)}`;
}

/** The same of one that commits what was prepared by this name. MySQL's snapshots need no name. */
export function xaTransaction(transaction: Transaction, xid: string): Transaction {
  const { id } = transaction;
  return id.includes("@") ? { ...transaction, id: `${id}!${xid}` } : transaction;
}

/** Reads an id. @throws MillraceError MR_BUG or MR_SOURCE_PROTOCOL */
export function loggedTransaction(id: TransactionId): LoggedTransaction {
  const behindGtid = id.indexOf("@");
  if (behindGtid !== -1) {
    const [place = "", xid = null] = id.slice(behindGtid + 1).split("!");
    return { place: parseOffset(place), xid };
  }
  return /^\d+:\d+$/.test(id) ? { place: parseOffset(id), xid: null } : { gtid: parseGtid(id) };
}
