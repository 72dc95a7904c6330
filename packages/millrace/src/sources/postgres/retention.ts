import type { SourceRetention } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";

/** What the server's view of slots says, in bytes; `restart` is null where the slot holds nothing any more. */
interface SlotRow {
  readonly retained: string | null;
  readonly unread: string | null;
  readonly safe: string | null;
  /** The server's clock, milliseconds since 1970. */
  readonly time: string;
}

/**
 * One row of a view in memory: cheap enough for every few seconds. `safe_wal_size` is how much may still be written
 * before the server's own limit (max_slot_wal_keep_size); null without one.
 */
const RETENTION_SQL = `
SELECT pg_catalog.pg_wal_lsn_diff(now.lsn, s.restart_lsn)::text AS retained,
  pg_catalog.pg_wal_lsn_diff(now.lsn, s.confirmed_flush_lsn)::text AS unread,
  s.safe_wal_size::text AS safe,
  (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::text AS time
FROM pg_catalog.pg_replication_slots s,
  (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
    ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) now
WHERE s.slot_name = $1`;

/** What the server keeps for the slot; null where there is none, or where it has lost its log. */
export async function readRetention(
  client: Queryable,
  slotName: string,
): Promise<SourceRetention | null> {
  const { rows } = await client.query<SlotRow>(RETENTION_SQL, [slotName]);
  return retentionOf(rows[0]);
}

/** Pure: bytes of a row of the view. A standby's slot may be ahead of what it has replayed. */
export function retentionOf(row: SlotRow | undefined): SourceRetention | null {
  if (row === undefined || row.retained === null) return null;
  const retainedBytes = Math.max(0, Number(row.retained));
  const unreadBytes = row.unread === null ? retainedBytes : Math.max(0, Number(row.unread));
  return {
    retainedBytes,
    acknowledgedBytes: Math.max(0, retainedBytes - unreadBytes),
    limitBytes: row.safe === null ? null : Math.max(0, retainedBytes + Number(row.safe)),
    timeMs: Number(row.time),
  };
}
