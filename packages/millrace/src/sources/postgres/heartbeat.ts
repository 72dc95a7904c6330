import { isBug } from "../../errors/own-fault.ts";
import type { Clock, Logger } from "../../model/ports.ts";
import type { Queryable } from "./catalogue.ts";

/** Marks our logical messages; nobody reads them. */
const PREFIX = "millrace";

/**
 * Writes a logical message into the log. `flushed` makes it a transaction, so that its COMMIT is on disk at once and
 * the log's end is seen to move; without, the server writes it out within its `wal_writer_delay`.
 */
export async function emitMessage(client: Queryable, flushed: boolean): Promise<void> {
  await client.query("SELECT pg_catalog.pg_logical_emit_message($1::boolean, $2::text, ''::text)", [
    flushed,
    PREFIX,
  ]);
}

/** Between two signs of life for a standby that waits for one, milliseconds. */
const NUDGE_EVERY_MS = 1_000;

/**
 * Does `work` at a standby that may wait for what only the primary's log can tell: a slot is made there once the
 * primary has said which transactions run (pg_log_standby_snapshot, 16 and later), which it does by itself every 15 s
 * where it is written to. Best effort: the role may not be allowed to.
 */
export async function whileNudging<T>(
  primary: Queryable,
  clock: Clock,
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const nudging = nudge(primary, clock, stop.signal).catch(() => undefined);
  try {
    return await work();
  } finally {
    stop.abort();
    await nudging;
  }
}

/** What ends soon is not nudged at all, as on a primary. */
async function nudge(primary: Queryable, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await clock.sleep(NUDGE_EVERY_MS, signal);
    await primary.query("SELECT pg_catalog.pg_log_standby_snapshot()");
  }
}

/** What a heartbeat runs on. */
export interface HeartbeatOptions {
  readonly client: Queryable;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 is never. */
  readonly intervalMs: number;
  /** How far the log was read; a heartbeat is left out while this moves by itself. */
  readonly progress: () => number;
}

/**
 * Keeps the log of an idle database moving, so that the slot does not hold back what other databases of the server
 * write: a slot can only let go of log that its own database has had something to say after. Runs until the signal
 * aborts. A role or a standby that cannot write is said once; the rest works without.
 */
export async function runHeartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log, intervalMs, progress } = options;
  if (intervalMs === 0) return;
  let wasFailing = false;
  for (;;) {
    const before = progress();
    await clock.sleep(intervalMs, signal);
    if (progress() !== before) continue;
    try {
      await emitMessage(client, false);
      wasFailing = false;
    } catch (error) {
      if (signal.aborted) return;
      if (isBug(error)) throw error;
      if (!wasFailing) log.warn("the heartbeat could not be written", { reason: String(error) });
      wasFailing = true;
    }
  }
}
