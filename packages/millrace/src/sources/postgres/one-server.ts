import { lostConnection } from "../../bytes/byte-source.ts";
import type { PostgresConnection } from "./connection.ts";
import type { ServerStanding } from "./server-standing.ts";
import { whileServerWorks } from "./silence-watch.ts";

const SERVER_SQL = `
SELECT system_identifier::text AS system, pg_catalog.pg_postmaster_start_time()::text AS started
FROM pg_catalog.pg_control_system()`;

/**
 * A run reads its log, and the rows that the log left out, from one and the same server process. A name may be moved
 * while a log is open, and the server that it led to may live on: what a session that is opened then finds at another
 * server is of another branch, or of another cluster, and the log would never tell of it (I7, I8).
 */
export class OneServer {
  #known: Pick<ServerStanding, "system" | "started"> | null = null;

  /** A run begins: the first session of it says which server it is. */
  forget(): void {
    this.#known = null;
  }

  /** Looks at a session that was just opened. @throws MillraceError MR_SOURCE_LOST_CONNECTION */
  readonly check = async (connection: PostgresConnection): Promise<void> => {
    const { rows } = await whileServerWorks(connection, () =>
      connection.client.query<{ system: string; started: string }>(SERVER_SQL),
    );
    if (rows[0] !== undefined) this.expect(rows[0]);
  };

  /** @throws MillraceError MR_SOURCE_LOST_CONNECTION where it is not the run's server. */
  expect({ system, started }: Pick<ServerStanding, "system" | "started">): void {
    this.#known ??= { system, started };
    if (system === this.#known.system && started === this.#known.started) return;
    throw lostConnection("hostname leads to another server than the one that this run began with");
  }
}
