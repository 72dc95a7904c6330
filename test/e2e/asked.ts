/** A session that outlives its server. */
import pg from "pg";
import { openSession } from "./sql-session.ts";

/** A session that is opened when it is needed, and anew after it broke. */
export class Asked {
  readonly #url: string;
  #client: pg.Client | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async query(sql: string): Promise<readonly unknown[]> {
    try {
      this.#client ??= await this.#open();
      return (await this.#client.query<Record<string, unknown>>(sql)).rows;
    } catch (error) {
      const isAnswer = error instanceof pg.DatabaseError && !/^(08|57)/.test(error.code ?? "");
      if (!isAnswer) await this.end();
      // The target may not have the table yet, and a server may be away for a while.
      return sql.startsWith("SELECT") ? [] : Promise.reject(error);
    }
  }

  async #open(): Promise<pg.Client> {
    const client = await openSession(this.#url);
    client.on("error", () => {
      if (this.#client === client) this.#client = null;
    });
    return client;
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }
}
