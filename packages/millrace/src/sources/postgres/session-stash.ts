import { IdleSessions } from "../../sessions/idle-sessions.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { whileServerWorks } from "./silence-watch.ts";

/** Sessions for snapshots, each watched while it owes an answer. */
export class SessionStash extends IdleSessions<PostgresConnection> {
  constructor(config: () => Promise<PostgresConnectionConfig>) {
    super({
      open: async () => openConnection(await config(), { purpose: "rows" }),
      rollBack: (connection) =>
        whileServerWorks(connection, () => connection.client.query("ROLLBACK")),
    });
  }
}
