import { type MysqlConnection, openConnection } from "./connection.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import type { SnapshotSessions } from "./snapshot.ts";

/** Idle sessions that are kept at most. */
const MOST_IDLE = 4;

/**
 * Sessions for snapshots: a chunk takes one from here and gives it back, so that small chunks and small tables do not
 * pay for a connection each.
 */
export class SessionStash implements SnapshotSessions {
  readonly #config: () => MysqlConnectionConfig;
  readonly #idle: MysqlConnection[] = [];
  #closed = false;

  constructor(config: () => MysqlConnectionConfig) {
    this.#config = config;
  }

  async take(): Promise<MysqlConnection> {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return openConnection(this.#config());
      if (idle.broken === null) return idle;
      idle.destroy();
    }
  }

  async giveBack(connection: MysqlConnection): Promise<void> {
    try {
      await connection.query("ROLLBACK");
    } catch {
      connection.destroy();
      return;
    }
    if (this.#closed || this.#idle.length >= MOST_IDLE) await connection.close();
    else this.#idle.push(connection);
  }

  /** Ends the idle sessions; those in use end when they are given back. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }
}
