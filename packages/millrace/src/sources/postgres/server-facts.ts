import type { Queryable } from "./catalogue.ts";
import { type Provider, PROVIDER_SQL } from "./managed.ts";

/** Servers keep statistics of their log since then. */
const LOG_STATISTICS = 14;

/** What a server says about itself, as far as it matters for capturing its changes. */
export interface ServerFacts {
  readonly version: number;
  readonly encoding: string;
  readonly walLevel: string;
  readonly inRecovery: boolean;
  readonly slotsMost: number;
  readonly slotsUsed: number;
  readonly sendersMost: number;
  readonly sendersUsed: number;
  /** MB; -1 is without bound. */
  readonly slotKeepMb: number;
  /** Log that it has written per hour, on average since its statistics began; null where it does not say (13). */
  readonly logBytesPerHour: number | null;
  /** 18 and later, seconds; 0 is never. */
  readonly slotIdleS: number;
  readonly role: string;
  readonly database: string;
  readonly isSuperuser: boolean;
  /** The role may create slots and open a walsender. */
  readonly mayReplicate: boolean;
  readonly mayCreate: boolean;
  /** Null where there is no publication of that name. */
  readonly ownsPublication: boolean | null;
  /** Age of the oldest transaction that has written, seconds; null where there is none. */
  readonly oldestWriterS: number | null;
  readonly encrypted: boolean;
  /** Who runs the server; null for one's own. */
  readonly provider: Provider | null;
}

const FACTS_SQL = `
WITH me AS (SELECT * FROM pg_catalog.pg_roles WHERE rolname = current_user),
  setting AS (SELECT name, setting FROM pg_catalog.pg_settings)
SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version,
  pg_catalog.current_setting('server_encoding') AS encoding,
  pg_catalog.current_setting('wal_level') AS "walLevel",
  pg_catalog.pg_is_in_recovery() AS "inRecovery",
  pg_catalog.current_setting('max_replication_slots')::int AS "slotsMost",
  (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_replication_slots) AS "slotsUsed",
  pg_catalog.current_setting('max_wal_senders')::int AS "sendersMost",
  (SELECT pg_catalog.count(*)::int FROM pg_catalog.pg_stat_replication) AS "sendersUsed",
  coalesce((SELECT setting FROM setting WHERE name = 'max_slot_wal_keep_size')::int, -1) AS "slotKeepMb",
  coalesce((SELECT setting FROM setting WHERE name = 'idle_replication_slot_timeout')::int, 0) AS "slotIdleS",
  current_user::text AS role, pg_catalog.current_database()::text AS database,
  me.rolsuper AS "isSuperuser",
  (me.rolsuper OR me.rolreplication OR EXISTS (
    SELECT FROM pg_catalog.pg_roles r
    WHERE r.rolname = 'rds_replication' AND pg_catalog.pg_has_role(r.oid, 'MEMBER')
  )) AS "mayReplicate",
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS "mayCreate",
  (SELECT pg_catalog.pg_has_role(p.pubowner, 'USAGE') FROM pg_catalog.pg_publication p WHERE p.pubname = $1)
    AS "ownsPublication",
  (SELECT pg_catalog.max(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::float8
   FROM pg_catalog.pg_stat_activity a WHERE a.backend_xid IS NOT NULL) AS "oldestWriterS",
  coalesce((SELECT s.ssl FROM pg_catalog.pg_stat_ssl s WHERE s.pid = pg_catalog.pg_backend_pid()), false)
    AS encrypted,
  ${PROVIDER_SQL} AS provider
FROM me`;

/** Asks for all of it at once. */
export async function readServerFacts(
  client: Queryable,
  publication: string,
): Promise<ServerFacts> {
  const { rows } = await client.query<Omit<ServerFacts, "logBytesPerHour">>(FACTS_SQL, [
    publication,
  ]);
  const [facts] = rows;
  if (facts === undefined) throw new Error("the server does not know the current role");
  const hasPace = facts.version >= LOG_STATISTICS;
  return { ...facts, logBytesPerHour: hasPace ? await readLogPace(client) : null };
}

/** Of less than this, nothing follows for hours. */
const LEAST_PACE_S = 600;
const PACE_SQL = `
SELECT (w.wal_bytes / EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.stats_reset) * 3600)::float8 AS pace
FROM pg_catalog.pg_stat_wal w
WHERE EXTRACT(epoch FROM pg_catalog.clock_timestamp() - w.stats_reset) > ${LEAST_PACE_S}`;

async function readLogPace(client: Queryable): Promise<number | null> {
  const { rows } = await client.query<{ pace: number }>(PACE_SQL);
  return rows[0]?.pace ?? null;
}
