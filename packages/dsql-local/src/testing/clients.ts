/** Clients for this package's tests: real ones, closed after each test. */
import pg from "pg";
import type { DsqlLocal } from "../cluster.ts";

/** Opens clients on a cluster and closes them together. */
export class Clients {
  readonly #cluster: () => DsqlLocal;
  #open: pg.Client[] = [];

  constructor(cluster: () => DsqlLocal) {
    this.#cluster = cluster;
  }

  /** A connected client. */
  async connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#cluster().url, ...config });
    client.on("error", () => {});
    await client.connect();
    this.#open.push(client);
    return client;
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = [];
    await Promise.all(open.map((client) => client.end().catch(() => {})));
  }
}

/** What a query gave: "ok", or the SQLSTATE and the text of its refusal. */
export async function outcome(query: Promise<unknown>): Promise<string> {
  try {
    await query;
    return "ok";
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

/** The refusal of a query, with all its fields. Throws when there is none. */
export async function refusal(query: Promise<unknown>): Promise<pg.DatabaseError> {
  try {
    await query;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error;
    throw error;
  }
  throw new Error("the query was not refused");
}

/** A conflict at COMMIT. */
export const OC000 = "40001 change conflicts with another transaction (OC000)";

/** A stale catalogue. */
export const OC001 = "40001 schema has been updated by another transaction (OC001)";

/** In a failed block. */
export const ABORTED =
  "25P02 current transaction is aborted, commands ignored until end of transaction block";
