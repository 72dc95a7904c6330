import { MillraceError } from "../../errors/millrace-error.ts";
import type { Queryable, TextRow } from "./connection.ts";
import type { ServerVersion } from "./server-version.ts";
import type { LogOffset } from "./transaction-id.ts";

/** A session that knows what it talks to. */
export interface Session extends Queryable {
  readonly version: ServerVersion;
}

/**
 * Where the log ends now, as it was written: ahead of what the engine has committed.
 * @throws MillraceError MR_SOURCE_REFUSED where the server writes no log.
 */
export async function readLogEnd(session: Session): Promise<LogOffset> {
  const row = await readLogStatus(session);
  const [name, at] = row ?? [];
  const file = /\.(\d+)$/.exec(name ?? "")?.[1];
  if (file === undefined)
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      "the server writes no binary log: start it with log_bin",
    );
  return { file: Number(file), at: Number(at) };
}

/** The log's present file and offset, and which databases it is about or not. Absent where there is none. */
export async function readLogStatus(session: Session): Promise<TextRow | undefined> {
  const [row] = await session.query(logStatusSql(session.version));
  return row;
}

/** MySQL 8.2 brought the new words, 8.4 took the old ones. */
function logStatusSql({ flavor, major, minor }: ServerVersion): string {
  const isNew = flavor === "mysql" && (major > 8 || (major === 8 && minor >= 2));
  return isNew ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

/** What MySQL says of transactions with GTIDs. */
export interface GtidState {
  /** Not committed, and in the log or about to be. `uuid:5:7,…` */
  readonly owned: string;
  /** Committed in the engine too. */
  readonly executed: string;
}

/**
 * What is owned is read first: a transaction in neither has not come to the log when the statement began, for it goes
 * from the one to the other, in which it is a moment before it leaves the first.
 */
export async function readGtidState(session: Session): Promise<GtidState> {
  const [row] = await session.query("SELECT @@GLOBAL.gtid_owned, @@GLOBAL.gtid_executed");
  const [owned = "", executed = ""] = row ?? [];
  // `uuid:5#17:6#18`: behind each number the session that has it.
  return {
    owned: (owned ?? "").replaceAll(/#\d+/g, ""),
    executed: executed ?? "",
  };
}

/** MySQL: how many transactions without GTID are between the log and the end of the engine's commit. */
export async function readOngoingAnonymous(session: Session): Promise<number> {
  const [row] = await session.query(
    "SHOW GLOBAL STATUS LIKE 'Ongoing_anonymous_transaction_count'",
  );
  const count = row?.[1];
  if (count === undefined || count === null)
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      "the server does not tell Ongoing_anonymous_transaction_count, so that nothing can be told about its snapshots: turn GTIDs on",
    );
  return Number(count);
}

/** Opens MariaDB's snapshot and tells the place in the log that it was opened at: one moment for both. */
export async function beginMariaDbSnapshot(session: Session): Promise<LogOffset> {
  await session.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
  const rows = await session.query("SHOW SESSION STATUS LIKE 'binlog_snapshot_%'");
  const told = new Map(rows.map(([name, value]) => [name?.toLowerCase(), value ?? ""]));
  const file = /\.(\d+)$/.exec(told.get("binlog_snapshot_file") ?? "")?.[1];
  const at = told.get("binlog_snapshot_position");
  if (file === undefined || at === undefined)
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      "the server does not tell where its log was at a snapshot: start it with log_bin",
    );
  return { file: Number(file), at: Number(at) };
}
