import { Client } from "pg";
import type { ClientConfig } from "pg";
import type { Clock } from "../../model/ports.ts";
import type { StatementResult } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import { PreparedNames } from "./prepared-names.ts";
import type { Bound } from "./wire.ts";
import { encodeExchange } from "./wire.ts";

/** Prepared statements kept open per connection: six kinds for a few dozen tables, and bounded (I10). */
const MAX_PREPARED = 400;

/** Why a deadline is let go of; one for all, since each DOMException that an abort makes of itself takes a stack. */
const ANSWERED = new Error("answered");

/** How long a goodbye may take before the connection is cut, ms. */
const FAREWELL_MS = 2_000;

/** Numbers, dates and the rest stay the server's text. */
const TEXT_ONLY = { getTypeParser: () => (value: unknown) => value };

/** How the session reads and writes values, whatever the role's or the server's defaults are. */
const SESSION =
  "SET datestyle='ISO';SET intervalstyle='postgres';SET timezone='UTC';SET extra_float_digits=1";

/**
 * A client whose connection died without a word leaves its transaction at the server, and with it locks on lane rows
 * and targets that the next attempt, or the next task, would wait for without end. So a PostgreSQL server is told to
 * end it (I10): 17 and later whatever the transaction waits for, before that when it waits between two requests.
 */
const LOCK_HOLDING_MS = 30_000;
const SERVER_CHECK_MS = 10_000;
/** The client gives up first, so that there is one way in which that happens. */
const SERVER_LATER_MS = 1_000;

/** What a session is opened with, beside what pg needs. */
export interface SessionOptions {
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  /** Over all of the opening; that of a request where left out. */
  readonly connectTimeoutMs?: number;
  readonly serverTimeouts?: boolean;
  /** Statements that set the session up, besides. */
  readonly sessionSql?: readonly string[];
}

/** Sets only what this server's version knows. */
function serverTimeouts(requestTimeoutMs: number): string {
  const requestMs = requestTimeoutMs + SERVER_LATER_MS;
  const settings = {
    statement_timeout: requestMs,
    transaction_timeout: requestMs,
    idle_in_transaction_session_timeout: Math.min(LOCK_HOLDING_MS, requestMs),
    client_connection_check_interval: Math.min(SERVER_CHECK_MS, requestMs),
  };
  const values = Object.entries(settings).map(([name, ms]) => `('${name}', '${ms}')`);
  return (
    `SELECT pg_catalog.set_config(s.name, s.value, false) FROM (VALUES ${values.join(", ")}) AS s(name, value) ` +
    "JOIN pg_catalog.pg_settings AS known ON known.name = s.name"
  );
}

/** A session at the sink: pg's client with an error listener, whole transactions per write, and a deadline. */
export class SinkConnection {
  readonly openedAtMs: number;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #prepared = new PreparedNames(MAX_PREPARED);
  #broken = false;

  private constructor(client: Client, clock: Clock, timeoutMs: number) {
    this.#client = client;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.openedAtMs = clock.monotonic();
    // pg tells of a dead idle connection by an event; unheard, it would end the process.
    const broke = () => {
      this.#broken = true;
    };
    client.on("error", broke);
    client.on("end", broke);
  }

  /** Connects, authenticates and sets the session up. Rejects with pg's own error. */
  static async open(config: ClientConfig, options: SessionOptions): Promise<SinkConnection> {
    const client = new Client({ ...config, types: TEXT_ONLY });
    const { clock, requestTimeoutMs, connectTimeoutMs = requestTimeoutMs } = options;
    const connection = new SinkConnection(client, clock, requestTimeoutMs);
    const ends = options.serverTimeouts === true ? [serverTimeouts(requestTimeoutMs)] : [];
    const setUp = async (): Promise<void> => {
      await client.connect();
      for (const set of [...SESSION.split(";"), ...ends, ...(options.sessionSql ?? [])])
        await connection.query(set);
    };
    try {
      await connection.#deadline(setUp(), connectTimeoutMs);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** The session is gone; the object is good for nothing but `close`. */
  get broken(): boolean {
    return this.#broken;
  }

  /**
   * Sends prepared statements as one write and waits for all answers.
   * @throws ExchangeError with the server's or the socket's error as its cause.
   */
  run(bounds: readonly Bound[]): Promise<readonly StatementResult[]> {
    const statements = bounds.map((bound) => bound.statement);
    const plan = this.#prepared.plan(statements);
    const exchange = new Exchange(encodeExchange(bounds, plan.preparations, plan.closed));
    for (const bound of bounds) letGo(bound);
    this.#client.query(exchange);
    return this.#deadline(exchange.result).catch((error: unknown) => {
      this.#prepared.doubt(statements.filter((_, i) => plan.preparations[i]?.parse === true));
      throw error;
    });
  }

  /** One statement of any kind, rows as arrays of text. Rejects with pg's own error. */
  async query(text: string, values: readonly (string | null)[] = []): Promise<(string | null)[][]> {
    const result = await this.#deadline(
      this.#client.query<(string | null)[]>({ text, values: [...values], rowMode: "array" }),
    );
    return result.rows;
  }

  /** Says goodbye; never rejects. */
  async close(): Promise<void> {
    if (this.#broken) return this.destroy();
    this.#broken = true;
    const stop = new AbortController();
    const cut = this.#clock.sleep(FAREWELL_MS, stop.signal).then(
      () => this.destroy(),
      () => {},
    );
    await this.#client.end().catch(() => {});
    stop.abort();
    await cut;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#broken = true;
    this.#client.connection.stream.destroy();
  }

  /** DSQL does not cancel when asked to, so that a late answer ends the connection (facts: SQLSTATE 57014). */
  async #deadline<T>(answer: Promise<T>, timeoutMs = this.#timeoutMs): Promise<T> {
    const stop = new AbortController();
    const late = this.#clock.sleep(timeoutMs, stop.signal).then(
      () => this.destroy(),
      () => {},
    );
    try {
      return await answer;
    } finally {
      stop.abort(ANSWERED);
      await late;
    }
  }
}

const NOTHING: readonly string[] = [];

/** Texts of up to a megabyte each, which whoever waits for the answer would hold: they are in the buffer now. */
function letGo(bound: Bound): void {
  bound.values = NOTHING;
  if (bound.copied !== undefined) bound.copied = NOTHING;
}
