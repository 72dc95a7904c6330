import type { PostgresConnectionConfig } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { whileServerWorks } from "./silence-watch.ts";

/** Idle sessions that are kept at most. */
const MOST_IDLE = 4;

/**
 * Sessions for snapshots: a chunk takes one from here and gives it back, so that small chunks and small tables do not
 * pay for a connection each.
 */
export class SessionStash {
  readonly #config: () => Promise<PostgresConnectionConfig>;
  #idle: PostgresConnection[] = [];
  /** A session of before the last {@link renew} is not taken back. */
  #round = {};
  readonly #roundOf = new WeakMap<PostgresConnection, object>();
  #closed = false;

  constructor(config: () => Promise<PostgresConnectionConfig>) {
    this.#config = config;
  }

  /** @throws MillraceError */
  async take(): Promise<PostgresConnection> {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return this.#open();
      if (idle.broken === null) return idle;
      idle.destroy();
    }
  }

  async #open(): Promise<PostgresConnection> {
    const round = this.#round;
    const connection = await openConnection(await this.#config(), { purpose: "rows" });
    this.#roundOf.set(connection, round);
    return connection;
  }

  /** Takes back a session; its transaction may still be open unless it `isOver`. */
  async giveBack(connection: PostgresConnection, isOver = false): Promise<void> {
    try {
      if (!isOver) await whileServerWorks(connection, () => connection.client.query("ROLLBACK"));
    } catch {
      connection.destroy();
      return;
    }
    const isOld = this.#roundOf.get(connection) !== this.#round;
    if (this.#closed || isOld || this.#idle.length >= MOST_IDLE) await connection.close();
    else this.#idle.push(connection);
  }

  /** Nobody gets a session any more that was opened before. */
  renew(): void {
    this.#round = {};
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Ends the idle sessions; those in use end when they are given back. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }
}
