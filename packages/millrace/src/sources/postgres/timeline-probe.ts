import type { PostgresConnection } from "./connection.ts";
import { connectionError } from "./connection-error.ts";
import { whileServerWorks } from "./silence-watch.ts";
import { standbyError } from "./snapshot-begin.ts";

interface Probe {
  readonly walsender: PostgresConnection;
  readonly started: string;
}

/**
 * Which timeline a standby replays right now. Its SQL tells of the last one that it has made durable, which may be
 * minutes old; a walsender knows. One is kept, so that asking costs a round trip.
 */
export class TimelineProbe {
  readonly #open: () => Promise<PostgresConnection>;
  #probe: Promise<Probe> | null = null;

  constructor(open: () => Promise<PostgresConnection>) {
    this.#open = open;
  }

  /** Of the server that was started then. @throws MillraceError MR_SOURCE_STANDBY */
  async timelineOf(started: string): Promise<number> {
    try {
      const { walsender } = await this.#at(started);
      const { rows } = await whileServerWorks(walsender, () =>
        walsender.client.query<{ timeline: string | number }>("IDENTIFY_SYSTEM"),
      );
      return Number(rows[0]?.timeline ?? 0);
    } catch (error) {
      this.renew();
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
    probe?.then(
      ({ walsender }) => walsender.destroy(),
      () => undefined,
    );
  }

  async close(): Promise<void> {
    const probe = await this.#probe?.catch(() => null);
    this.#probe = null;
    await probe?.walsender.close();
  }

  /** Behind a name may be several servers. */
  async #at(started: string): Promise<Probe> {
    const kept = await this.#probe?.catch(() => null);
    if (kept?.walsender.broken === null && kept.started === started) return kept;
    this.renew();
    this.#probe = this.#begin();
    const probe = await this.#probe;
    if (probe.started === started) return probe;
    throw new Error("it leads to another server than a moment ago");
  }

  async #begin(): Promise<Probe> {
    const walsender = await this.#open();
    try {
      const { rows } = await walsender.client.query<{ started: string }>(
        "SELECT pg_catalog.pg_postmaster_start_time()::text AS started",
      );
      return { walsender, started: rows[0]?.started ?? "" };
    } catch (error) {
      walsender.destroy();
      throw error;
    }
  }
}
