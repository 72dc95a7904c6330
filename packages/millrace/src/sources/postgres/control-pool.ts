import { MillraceError } from "../../errors/millrace-error.ts";
import type { Queryable } from "./catalogue.ts";
import type { PostgresConnectionConfig } from "./config.ts";
import { connectionError } from "./connection-error.ts";
import { openConnection, type PostgresConnection } from "./connection.ts";
import { whileServerWorks } from "./silence-watch.ts";

/** Sessions for catalogue and control queries at most; a slow walk over an index does not hold up the others. */
const MOST_SESSIONS = 3;

/**
 * A few ordinary sessions for small queries. A broken one is replaced; a query whose session proves to have died since
 * it was last used is sent again on a new one, once, so that everything asked here must bear being asked twice.
 */
export class ControlPool implements Queryable {
  readonly #config: () => Promise<PostgresConnectionConfig>;
  readonly #idle: PostgresConnection[] = [];
  readonly #busy = new Set<PostgresConnection>();
  readonly #waiting: (() => void)[] = [];
  /** In use, or being opened, since before the last {@link renew}: not used again. */
  readonly #old = new WeakSet<PostgresConnection>();
  #round = 0;
  #open = 0;
  #closed = false;

  constructor(config: () => Promise<PostgresConnectionConfig>) {
    this.#config = config;
  }

  async query<R extends object>(sql: string, parameters: unknown[] = []): Promise<{ rows: R[] }> {
    return this.use((client) => client.query<R>(sql, parameters));
  }

  /**
   * Runs several queries on one session; `once` where they must not be sent a second time. The client's errors are
   * `pg`'s own. @throws MillraceError
   */
  async use<T>(
    work: (client: Queryable) => Promise<T>,
    options: { once?: boolean } = {},
  ): Promise<T> {
    const lease = await this.#take(options.once === true);
    try {
      return await this.#run(lease.connection, work);
    } catch (error) {
      if (!lease.reused || options.once === true || !isLost(error)) throw error;
      const fresh = await this.#take(true);
      return await this.#run(fresh.connection, work);
    }
  }

  /** No query goes to a session any more that was opened before; those under way end where they are. */
  renew(): void {
    this.#round += 1;
    for (const connection of this.#busy) this.#old.add(connection);
    for (const connection of this.#idle.splice(0)) this.#discard(connection);
  }

  /** Ends all sessions, those in use too. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
    for (const connection of this.#busy) connection.destroy();
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  async #run<T>(
    connection: PostgresConnection,
    work: (client: Queryable) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await whileServerWorks(connection, () => work(connection.client));
      this.#giveBack(connection);
      return result;
    } catch (error) {
      const failure = connectionError(error, "asking the source");
      if (isLost(failure)) this.#discard(connection);
      else this.#giveBack(connection);
      throw failure;
    }
  }

  async #take(fresh: boolean): Promise<{ connection: PostgresConnection; reused: boolean }> {
    for (;;) {
      if (this.#closed) throw closed();
      const idle = this.#idle.pop();
      if (idle !== undefined && idle.broken === null && !fresh) {
        this.#busy.add(idle);
        return { connection: idle, reused: true };
      }
      if (idle !== undefined) this.#discard(idle);
      else if (this.#open < MOST_SESSIONS)
        return { connection: await this.#connect(), reused: false };
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #connect(): Promise<PostgresConnection> {
    this.#open += 1;
    const round = this.#round;
    try {
      const connection = await openConnection(await this.#config());
      if (round !== this.#round) this.#old.add(connection);
      this.#busy.add(connection);
      return connection;
    } catch (error) {
      this.#open -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #giveBack(connection: PostgresConnection): void {
    if (this.#closed || connection.broken !== null || this.#old.has(connection))
      return this.#discard(connection);
    this.#busy.delete(connection);
    this.#idle.push(connection);
    this.#waiting.shift()?.();
  }

  #discard(connection: PostgresConnection): void {
    this.#open -= 1;
    this.#busy.delete(connection);
    connection.destroy();
    this.#waiting.shift()?.();
  }
}

function isLost(error: unknown): boolean {
  return error instanceof MillraceError && error.code === "MR_SOURCE_LOST_CONNECTION";
}

function closed(): MillraceError {
  return new MillraceError("MR_SOURCE_LOST_CONNECTION", "the source was closed");
}
