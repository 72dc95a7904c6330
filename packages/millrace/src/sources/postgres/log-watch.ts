import type { Clock, Logger } from "../../model/ports.ts";
import type { SourceWait } from "../../model/source.ts";
import { lostConnection } from "../../bytes/byte-source.ts";
import type { Queryable } from "./catalogue.ts";

/** Nothing came for so long before the server is asked why, and between two such questions, milliseconds. */
const ASK_AFTER_MS = 10_000;

const WAITS_SQL = `
SELECT pg_catalog.pg_is_in_recovery() AS recovery,
  (SELECT a.wait_event = 'WaitForStandbyConfirmation' FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1) AS held,
  pg_catalog.current_setting('synchronized_standby_slots', true) AS slots`;

/** What a watch needs. */
export interface LogWatchOptions {
  readonly client: Queryable;
  readonly clock: Clock;
  readonly log: Logger;
  /** The server's process that sends the log. */
  readonly processId: number | null;
  /** The server was a standby when the log was opened. */
  readonly isStandbys: boolean;
}

/**
 * What a log's server may do while it sends nothing and yet lives:
 *
 * - A standby is promoted. Its log goes on on another timeline; what is known of it has to be taken anew, so that the
 *   next start does not take the log's own server for one that lacks commits (I8).
 * - A walsender of a slot with the failover option waits for the standbys of `synchronized_standby_slots` (17 and
 *   later), for ever where one of them is gone. That is no hang: it answers, and is told of.
 */
export class LogWatch {
  readonly #options: LogWatchOptions;
  #askedMs: number;
  #wait: SourceWait | null = null;
  #asking = false;

  constructor(options: LogWatchOptions) {
    this.#options = options;
    this.#askedMs = options.clock.monotonic();
  }

  /** That the server holds the log back, as far as it was asked; null where it does not. */
  get wait(): SourceWait | null {
    return this.#wait;
  }

  /** `quietMs`: for how long nothing has come. Not awaited where status updates must go out. @throws MillraceError MR_SOURCE_LOST_CONNECTION after a promotion. */
  async look(quietMs: number): Promise<void> {
    const { client, clock, log, processId, isStandbys } = this.#options;
    const isDue = clock.monotonic() - this.#askedMs >= ASK_AFTER_MS && quietMs >= ASK_AFTER_MS;
    if (this.#asking || (!isStandbys && !isDue && this.#wait === null)) return;
    this.#asking = true;
    this.#askedMs = clock.monotonic();
    const answer = await client
      .query<{ recovery: boolean; held: boolean | null; slots: string | null }>(WAITS_SQL, [
        processId,
      ])
      .catch(() => null)
      .finally(() => (this.#asking = false));
    const row = answer?.rows[0];
    if (row === undefined) return;
    if (isStandbys && !row.recovery) throw lostConnection("the standby was promoted");
    const was = this.#wait;
    this.#wait = row.held === true ? this.#heldFor(row.slots, was) : null;
    if (was === null && this.#wait !== null) log.warn(this.#wait.why);
    if (was !== null && this.#wait === null) log.info("the server no longer holds the log back");
  }

  #heldFor(slots: string | null, was: SourceWait | null): SourceWait {
    const named = slots === null || slots === "" ? "" : `: ${slots}`;
    return {
      what: "log",
      reason: "synchronized-standbys",
      why: `the server holds the log back until the standbys of synchronized_standby_slots have it${named}`,
      sinceMs: was?.sinceMs ?? this.#options.clock.now(),
    };
  }
}
