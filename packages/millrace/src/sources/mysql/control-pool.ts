import { QueryPool } from "../../sessions/query-pool.ts";
import type { MysqlConnectionConfig } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import {
  type MysqlConnection,
  openConnection,
  type Queryable,
  type TextRow,
} from "./connection.ts";

/** A few ordinary sessions for small queries. */
export class ControlPool extends QueryPool<MysqlConnection, MysqlConnection> implements Queryable {
  constructor(config: () => Promise<MysqlConnectionConfig>) {
    super({
      open: async () => openConnection(await config()),
      work: (connection, work) => work(connection),
      failure: (error) => connectionError(error, "asking the source"),
    });
  }

  query(sql: string, values: readonly (string | number)[] = []): Promise<readonly TextRow[]> {
    return this.use((session) => session.query(sql, values));
  }
}
