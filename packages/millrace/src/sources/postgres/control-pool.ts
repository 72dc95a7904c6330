import { QueryPool } from "../../sessions/query-pool.ts";
import type { Queryable } from "./catalogue.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { whileServerWorks } from "./silence-watch.ts";

/** A few ordinary sessions for small queries, each watched while it owes an answer. The client's errors are `pg`'s own. */
export class ControlPool extends QueryPool<PostgresConnection, Queryable> implements Queryable {
  constructor(config: () => Promise<PostgresConnectionConfig>) {
    super({
      open: async () => openConnection(await config()),
      work: (connection, work) => whileServerWorks(connection, () => work(connection.client)),
      failure: (error) => connectionError(error, "asking the source"),
    });
  }

  async query<R extends object>(sql: string, parameters: unknown[] = []): Promise<{ rows: R[] }> {
    return this.use((client) => client.query<R>(sql, parameters));
  }
}
