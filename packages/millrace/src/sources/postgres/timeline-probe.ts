import type { PostgresConnection } from "./connection.ts";
import { connectionError } from "./connection-error.ts";
import { whileServerWorks } from "./silence-watch.ts";
import { standbyError } from "./snapshot-begin.ts";

interface Probe {
  /** Of which server it is, by the time of its start. */
  readonly started: string;
  readonly session: Promise<PostgresConnection>;
  /** The session once it is open. */
  walsender: PostgresConnection | null;
  /** Over when all who asked before have their answer. */
  turn: Promise<unknown>;
}

/**
 * Which timeline a standby replays right now. Its SQL tells of the last one that it has made durable, which may be
 * minutes old; a walsender knows. One is kept for all who ask, so that asking costs a round trip.
 */
export class TimelineProbe {
  readonly #open: () => Promise<PostgresConnection>;
  #probe: Probe | null = null;

  constructor(open: () => Promise<PostgresConnection>) {
    this.#open = open;
  }

  /** Of the server that was started then. @throws MillraceError MR_SOURCE_STANDBY */
  async timelineOf(started: string): Promise<number> {
    const probe = this.#probeOf(started);
    // One after another: the session answers one question at a time.
    const answer = probe.turn.then(() => ask(probe));
    probe.turn = answer.catch(() => undefined);
    try {
      return await answer;
    } catch (error) {
      // Somebody else may ask by another one already.
      if (this.#probe === probe) this.renew();
      throw standbyError(
        "snapshot.hostname does not tell which timeline it follows",
        connectionError(error, "asking for the timeline"),
      );
    }
  }

  /** The next question goes by a session of its own. */
  renew(): void {
    const probe = this.#probe;
    this.#probe = null;
    probe?.session.then(
      (walsender) => walsender.destroy(),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    const walsender = await this.#probe?.session.catch(() => null);
    this.#probe = null;
    await walsender?.close();
  }

  /** Behind a name may be several servers. Decided at once: chunks that begin together ask together. */
  #probeOf(started: string): Probe {
    const kept = this.#probe;
    if (kept?.started === started && (kept.walsender?.broken ?? null) === null) return kept;
    this.renew();
    const probe: Probe = {
      started,
      session: this.#begin(started),
      walsender: null,
      turn: Promise.resolve(),
    };
    probe.session.then(
      (walsender) => (probe.walsender = walsender),
      () => undefined,
    );
    this.#probe = probe;
    return probe;
  }

  async #begin(wanted: string): Promise<PostgresConnection> {
    const walsender = await this.#open();
    try {
      const { rows } = await walsender.client.query<{ started: string }>(
        "SELECT pg_catalog.pg_postmaster_start_time()::text AS started",
      );
      if (rows[0]?.started === wanted) return walsender;
      throw new Error("it leads to another server than a moment ago");
    } catch (error) {
      walsender.destroy();
      throw error;
    }
  }
}

async function ask({ session }: Probe): Promise<number> {
  const walsender = await session;
  const { rows } = await whileServerWorks(walsender, () =>
    walsender.client.query<{ timeline: string | number }>("IDENTIFY_SYSTEM"),
  );
  return Number(rows[0]?.timeline ?? 0);
}
