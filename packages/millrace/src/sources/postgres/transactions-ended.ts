import type { Clock } from "../../model/ports.ts";
import type { Queryable } from "./catalogue.ts";
import { parseLsn } from "./position.ts";
import { Visibility } from "./visibility.ts";

/** First and longest wait between two looks, milliseconds. */
const LOOK_AGAIN_MS = 50;
const LOOK_AGAIN_MOST_MS = 1_000;

/** Once this is said, every later snapshot of a standby sees what was replayed by now. */
const VISIBILITY_SQL = `
SELECT pg_catalog.pg_current_snapshot()::text AS snapshot,
  (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END)::text AS lsn`;

/**
 * An id above those of all transactions that have begun to write. A snapshot's `xmax` is none: it is only above those
 * that have ended. On a standby, which has no ids to give, it has to do.
 */
export async function nextTransaction(client: Queryable): Promise<bigint> {
  const { rows } = await client.query<{ xid: string }>(
    `SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
       THEN pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
       ELSE pg_catalog.pg_current_xact_id() END::text AS xid`,
  );
  return BigInt(rows[0]?.xid ?? 0);
}

/** What every snapshot sees that is taken at this server from now on. */
export async function readVisibility(client: Queryable): Promise<Visibility> {
  const { rows } = await client.query<{ snapshot: string; lsn: string | null }>(VISIBILITY_SQL);
  const { snapshot = "", lsn = null } = rows[0] ?? {};
  return lsn === null ? Visibility.parse(snapshot) : Visibility.ofStandby(snapshot, parseLsn(lsn));
}

/**
 * Waits until every transaction below `xid` has ended, as this server sees it; tells how far a standby had replayed
 * then. The server has nothing that could wake us.
 */
export async function transactionsEnded(
  client: Queryable,
  xid: bigint,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<number | null> {
  for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
    const { xmin, replayedLsn } = await readVisibility(client);
    if (xmin >= xid) return replayedLsn;
    await clock.sleep(waitMs, signal);
  }
}
