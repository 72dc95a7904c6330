import { MillraceError } from "../../errors/millrace-error.ts";
import type { Queryable } from "./catalogue.ts";
import { parseLsn } from "./position.ts";

/** What tells one server of a cluster from another, and how it stands. */
export interface ServerStanding {
  /** The same on a primary and all its standbys. */
  readonly system: string;
  readonly inRecovery: boolean;
  /** When it was started: two servers never say the same. */
  readonly started: string;
  /** On a standby the last that was made durable: it may lag. */
  readonly timeline: number;
  /** The LSN that a standby has replayed to; null on a primary. */
  readonly replayed: number | null;
}

const STANDING_SQL = `
SELECT system_identifier::text AS system, pg_catalog.pg_is_in_recovery() AS "inRecovery",
  pg_catalog.pg_postmaster_start_time()::text AS started,
  (CASE WHEN pg_catalog.pg_is_in_recovery() THEN GREATEST(c.timeline_id, r.min_recovery_end_timeline)
   ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int
   END) AS timeline,
  (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END)::text AS replayed
FROM pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() r`;

/** Asks a server who it is. */
export async function readStanding(client: Queryable): Promise<ServerStanding> {
  const { rows } = await client.query<
    Omit<ServerStanding, "replayed"> & { replayed: string | null }
  >(STANDING_SQL);
  const [row] = rows;
  if (row === undefined) throw new MillraceError("MR_BUG", "pg_control_system gave no row");
  return { ...row, replayed: row.replayed === null ? null : parseLsn(row.replayed) };
}
