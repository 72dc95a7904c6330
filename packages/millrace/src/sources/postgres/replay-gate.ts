import type { Clock, Logger } from "../../model/ports.ts";
import type { SnapshotWish } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";
import { formatLsn, parseLsn, startLsn } from "./position.ts";
import { loggedTransaction } from "./transaction-id.ts";

/** Between two looks, milliseconds. */
const LOOK_AGAIN_MS = 10;
const LOOK_AGAIN_MOST_MS = 500;
/** A wait is told after this, and again after every such time, milliseconds. */
const TELL_AFTER_MS = 10_000;
const TELL_AGAIN_MS = 60_000;

/** What a gate needs. */
export interface ReplayGateOptions {
  readonly client: Queryable;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Waits until a standby has replayed what its snapshots have to see. The server has nothing that could wake us. However
 * long that takes, the log is followed meanwhile; that something waits is told.
 */
export class ReplayGate {
  readonly #options: ReplayGateOptions;
  #floorLsn = 0;
  #toldMs: number | null = null;

  constructor(options: ReplayGateOptions) {
    this.#options = options;
  }

  /** A run begins, perhaps with another log: the catalogue was looked at there, and what snapshots saw lies before. */
  begin(lsn: number): void {
    this.#floorLsn = lsn;
  }

  /** No snapshot from now on may be older than this: it was relied on that they see what is before. */
  raise(lsn: number): void {
    this.#floorLsn = Math.max(this.#floorLsn, lsn);
  }

  /**
   * Resolves once the floor and everything before `lsn` is replayed, to where that is; at once where the server is a
   * primary. Another session may lead to another server: its snapshots are compared with that LSN.
   */
  async passed(lsn: number, signal?: AbortSignal): Promise<number> {
    const { client, clock } = this.#options;
    const beganMs = clock.monotonic();
    for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
      const replayed = await readReplayed(client);
      const wanted = Math.max(lsn, this.#floorLsn);
      if (replayed === null || replayed >= wanted) break;
      this.#tell(beganMs, replayed, wanted);
      await clock.sleep(waitMs, signal);
    }
    if (this.#toldMs !== null) this.#options.log.info("the standby has caught up with its reads");
    this.#toldMs = null;
    return Math.max(lsn, this.#floorLsn);
  }

  /** Once for all that wait at the same time. */
  #tell(beganMs: number, replayed: number, wanted: number): void {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    const since = this.#toldMs ?? beganMs + TELL_AFTER_MS - TELL_AGAIN_MS;
    if (now - since < TELL_AGAIN_MS) return;
    this.#toldMs = now;
    log.warn("the full load waits for the standby that it reads from", {
      behindBytes: wanted - replayed,
      replayed: formatLsn(replayed),
    });
  }
}

/** Null on a primary. */
async function readReplayed(client: Queryable): Promise<number | null> {
  const { rows } = await client.query<{ lsn: string | null }>(
    `SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() END)::text AS lsn`,
  );
  const lsn = rows[0]?.lsn ?? null;
  return lsn === null ? null : parseLsn(lsn);
}

/** The log that a snapshot has to have behind it, as far as its wish says; 0 is any. */
export function lsnBehind({ transactions = [], position }: SnapshotWish): number {
  // A standby has replayed a record once it stands behind its begin.
  const commits = transactions.map((id) => (loggedTransaction(id).commitLsn ?? 0) + 1);
  return Math.max(position === undefined ? 0 : startLsn(position), ...commits);
}
