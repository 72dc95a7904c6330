import type { Clock, Logger } from "../../model/ports.ts";
import type { SnapshotWish, SourceWait } from "../../model/source.ts";
import type { Queryable } from "./catalogue.ts";
import { parseLsn, startLsn } from "./position.ts";
import { loggedTransaction } from "./transaction-id.ts";

/** Between two looks, milliseconds. */
const LOOK_AGAIN_MS = 10;
const LOOK_AGAIN_MOST_MS = 500;
/** A wait is told after this, and again after every such time, milliseconds. */
const TELL_AFTER_MS = 10_000;
const TELL_AGAIN_MS = 60_000;

/** A wait that is shorter is nobody's business, milliseconds. */
const SHOWN_AFTER_MS = 1_000;

/** What a gate needs. */
export interface ReplayGateOptions {
  readonly what: SourceWait["what"];
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
  /** Who waits, since when, and how far the standby was behind when it was asked last. */
  readonly #waiting = new Map<symbol, { readonly sinceMs: number; readonly behindBytes: number }>();

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
    const sinceMs = clock.now();
    const waiter = Symbol("waits for the standby");
    try {
      for (let waitMs = LOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MOST_MS)) {
        const replayed = await readReplayed(client);
        const wanted = Math.max(lsn, this.#floorLsn);
        if (replayed === null || replayed >= wanted) break;
        this.#waiting.set(waiter, { sinceMs, behindBytes: wanted - replayed });
        this.#tell();
        await clock.sleep(waitMs, signal);
      }
    } finally {
      this.#waiting.delete(waiter);
    }
    if (this.#toldMs !== null) this.#options.log.info("the standby has caught up with its reads");
    this.#toldMs = null;
    return Math.max(lsn, this.#floorLsn);
  }

  /** Whoever waits longest; null where nobody waits for long. */
  get wait(): SourceWait | null {
    const [oldest] = this.#waiting.values();
    const { what, clock } = this.#options;
    if (oldest === undefined || clock.now() - oldest.sinceMs < SHOWN_AFTER_MS) return null;
    const { sinceMs, behindBytes } = oldest;
    const why = `the standby that the ${what === "load" ? "full load" : "log"} is read from has not replayed all that has to be seen; ${behindBytes} bytes are missing`;
    return { what, reason: "standby", why, sinceMs };
  }

  /** Once for all that wait at the same time. */
  #tell(): void {
    const { clock, log } = this.#options;
    const { wait } = this;
    if (wait === null || clock.now() - wait.sinceMs < TELL_AFTER_MS) return;
    const now = clock.monotonic();
    if (this.#toldMs !== null && now - this.#toldMs < TELL_AGAIN_MS) return;
    this.#toldMs = now;
    log.warn(wait.why);
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
