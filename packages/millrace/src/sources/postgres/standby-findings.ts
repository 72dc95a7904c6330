import { MillraceError } from "../../errors/millrace-error.ts";
import type { Finding } from "../../model/finding.ts";
import type { ConnectorContext } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";
import { ControlPool } from "./control-pool.ts";
import { chooseConnection, type PostgresSourceOptions, type ServerAddress } from "./options.ts";
import { readStanding, type ServerStanding } from "./server-standing.ts";

/** What matters of a server that follows another one, or is followed. */
export interface StandbyFacts extends ServerStanding {
  readonly version: number;
  readonly feedback: boolean;
  readonly primarySlot: string;
  /** 17 and later: standbys that logical slots with the failover option wait for; null before. */
  readonly waitsFor: string | null;
  readonly isReplayPaused: boolean;
}

const FACTS_SQL = `
SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version,
  pg_catalog.current_setting('hot_standby_feedback') = 'on' AS feedback,
  pg_catalog.current_setting('primary_slot_name') AS "primarySlot",
  pg_catalog.current_setting('synchronized_standby_slots', true) AS "waitsFor",
  (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END) AS "isReplayPaused"`;

async function readFacts(client: Queryable): Promise<StandbyFacts> {
  const { rows } = await client.query<Omit<StandbyFacts, keyof ServerStanding>>(FACTS_SQL);
  const [row] = rows;
  if (row === undefined) throw new MillraceError("MR_BUG", "a SELECT of settings gave no row");
  return { ...row, ...(await readStanding(client)) };
}

/** What is to be said of the servers beside the log's, and of how they follow one another. */
export async function standbyFindings(
  client: Queryable,
  options: PostgresSourceOptions,
  context: ConnectorContext,
): Promise<Finding[]> {
  const log = await readFacts(client);
  const { primary, snapshot } = options;
  return [
    ...logFindings(log, options),
    ...(await otherFindings("primary", primary, options, context, (facts) =>
      primaryFindings(facts, log),
    )),
    ...(await otherFindings("snapshot", snapshot, options, context, (facts) =>
      snapshotFindings(facts, log),
    )),
  ];
}

/** Pure: of the log's server. */
export function logFindings(log: StandbyFacts, options: PostgresSourceOptions): Finding[] {
  const found: Finding[] = [];
  if (log.inRecovery && !log.feedback)
    found.push({
      severity: "warning",
      what: "hot_standby_feedback is off at the standby whose log is read.",
      whatFollows:
        "The primary may remove catalogue rows that the slot still needs; the standby then gives the slot up, and the tables have to be loaded again.",
      remedy: "ALTER SYSTEM SET hot_standby_feedback = on; at the standby.",
    });
  if (log.inRecovery && log.primarySlot === "")
    found.push({
      severity: "warning",
      what: "The standby whose log is read follows its primary without a slot (primary_slot_name).",
      whatFollows: "While it is away the primary may remove what the pipeline's slot needs.",
      remedy: "Give the standby a physical slot at its primary and name it in primary_slot_name.",
    });
  if (options.slotFailover && !log.inRecovery && log.waitsFor === "")
    found.push({
      severity: "warning",
      what: "slot.failover is on, and synchronized_standby_slots is empty.",
      whatFollows:
        "The pipeline may have commits that no standby has yet; when one is promoted then, that is a loss.",
      remedy:
        "ALTER SYSTEM SET synchronized_standby_slots = '…'; with the physical slots of the standbys that may be promoted, and sync_replication_slots = on there.",
      option: "slot.failover",
    });
  if (options.slotFailover && log.waitsFor === null)
    found.push({
      severity: "warning",
      what: `slot.failover is on, and the server is PostgreSQL ${log.version}.`,
      whatFollows: "Its standbys keep no copy of the slot: a promotion loses it.",
      remedy: "Take slot.failover out, or upgrade to 17 or later.",
      option: "slot.failover",
    });
  return found;
}

function primaryFindings(facts: StandbyFacts, log: StandbyFacts): Finding[] {
  const wrong =
    facts.system !== log.system
      ? "primary.hostname is a server of another cluster than hostname."
      : log.inRecovery && facts.inRecovery
        ? "primary.hostname is a standby."
        : null;
  return wrong === null ? [] : [refused("primary.hostname", wrong, "the primary of hostname")];
}

/** Pure: of the server that chunks are read from. */
export function snapshotFindings(facts: StandbyFacts, log: StandbyFacts): Finding[] {
  if (facts.system !== log.system || (!facts.inRecovery && facts.started !== log.started)) {
    const what =
      facts.system === log.system
        ? "snapshot.hostname is no standby: it was promoted, and has a log of its own."
        : "snapshot.hostname is a server of another cluster than hostname.";
    return [refused("snapshot.hostname", what, "a standby of hostname")];
  }
  const found: Finding[] = [];
  if (facts.isReplayPaused)
    found.push({
      severity: "error",
      what: "Replay is paused at snapshot.hostname.",
      whatFollows: "The full load waits until it goes on.",
      remedy: "SELECT pg_wal_replay_resume(); there.",
      option: "snapshot.hostname",
    });
  if (facts.inRecovery && !facts.feedback)
    found.push({
      severity: "notice",
      what: "hot_standby_feedback is off at snapshot.hostname.",
      whatFollows: "Chunks may be cancelled by what it replays, and are then read again.",
      remedy:
        "ALTER SYSTEM SET hot_standby_feedback = on; there, or a longer max_standby_streaming_delay.",
      option: "snapshot.hostname",
    });
  return found;
}

function refused(option: string, what: string, wanted: string): Finding {
  return {
    severity: "error",
    code: "MR_SOURCE_REFUSED",
    what,
    whatFollows: "Nothing of it can be used.",
    remedy: `Name ${wanted}, or take ${option} out.`,
    option,
  };
}

/** A server that cannot be asked is a finding of its own. */
async function otherFindings(
  kind: "primary" | "snapshot",
  address: ServerAddress | null,
  options: PostgresSourceOptions,
  context: ConnectorContext,
  say: (facts: StandbyFacts) => Finding[],
): Promise<Finding[]> {
  if (address === null) return [];
  const pool = new ControlPool(() =>
    chooseConnection({ ...options, ...address }, context.pipeline),
  );
  try {
    return say(await readFacts(pool));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const { code, detail, remedy } = error;
    const what = `${kind}.hostname ${address.hostname}: ${detail}`;
    const whatFollows = "It cannot be checked.";
    return [{ severity: "error", code, what, whatFollows, remedy, option: `${kind}.hostname` }];
  } finally {
    await pool.close();
  }
}
