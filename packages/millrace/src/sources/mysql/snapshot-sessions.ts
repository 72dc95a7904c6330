import { IdleSessions } from "../../sessions/idle-sessions.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { type MysqlConnection, openConnection } from "./connection.ts";

/** Sessions for snapshots. */
export class SessionStash extends IdleSessions<MysqlConnection> {
  constructor(config: () => Promise<MysqlConnectionConfig>) {
    super({
      open: async () => openConnection(await config()),
      rollBack: (connection) => connection.query("ROLLBACK"),
    });
  }
}
