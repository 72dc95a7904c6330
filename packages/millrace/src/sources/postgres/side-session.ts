import type pg from "pg";
import type { PostgresConnectionConfig } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";

/**
 * An ordinary session beside the replication connection, for questions to the catalogue and heartbeats: opened when
 * it is first needed, opened again after it broke, one query at a time.
 */
export class SideSession {
  readonly #config: PostgresConnectionConfig;
  #connection: PostgresConnection | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(config: PostgresConnectionConfig) {
    this.#config = config;
  }

  /** Runs one query after the ones before it. @throws MillraceError */
  query<R extends object>(sql: string, parameters: unknown[] = []): Promise<{ rows: R[] }> {
    const answer = this.#last.then(() => this.#query<R>(sql, parameters));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  /** Ends the session; queries that wait fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connection?.close();
  }

  async #query<R extends object>(sql: string, parameters: unknown[]): Promise<{ rows: R[] }> {
    const { client } = await this.#open();
    try {
      return await client.query<R & pg.QueryResultRow>(sql, parameters);
    } catch (error) {
      throw connectionError(error, "asking the catalogue");
    }
  }

  async #open(): Promise<PostgresConnection> {
    if (this.#connection !== null && this.#connection.broken === null) return this.#connection;
    this.#connection?.destroy();
    const connection = await openConnection(this.#config);
    this.#connection = connection;
    if (this.#closed) await connection.close();
    return connection;
  }
}
