import type pg from "pg";
import type { PostgresConnectionConfig } from "./config.ts";
import { connectionError, sqlStateOf } from "./connection-error.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { boundsOf } from "./session-bounds.ts";

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

  /** The session that was open was ended from the other side; the next query opens another. */
  get isBroken(): boolean {
    return this.#connection !== null && this.#connection.broken !== null;
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
    const connection = await this.#open();
    try {
      return await connection.client.query<R & pg.QueryResultRow>(sql, parameters);
    } catch (error) {
      // No answer, or none that can be trusted: the next query gets another connection.
      if (sqlStateOf(error) === null) connection.destroy();
      throw connectionError(error, "asking the catalogue");
    }
  }

  async #open(): Promise<PostgresConnection> {
    if (this.#connection !== null && this.#connection.broken === null) return this.#connection;
    this.#connection?.destroy();
    const purpose = "beside-log";
    const { statementMs: queryTimeoutMs } = boundsOf(purpose, this.#config);
    const connection = await openConnection(this.#config, { purpose, queryTimeoutMs });
    this.#connection = connection;
    if (this.#closed) await connection.close();
    return connection;
  }
}
