/** Counts rows up, one or a few in each transaction, so that every change can be told from the one before. */
import { openClient } from "./sql-client.ts";

const PAUSE_MS = 5;

/** Writes until it is stopped. */
export class CountingWriter {
  readonly #ended: Promise<void>;
  readonly #pauseMs: number;
  #transactions = 0;
  #isStopped = false;
  #watchers: (() => void)[] = [];

  /** `source` is a database of any kind. */
  constructor(source: { readonly url: string }, table: string, rows: number, pauseMs = PAUSE_MS) {
    this.#pauseMs = pauseMs;
    this.#ended = this.#write(source.url, table, rows);
    // Told to who stops it, or waits: where a test has failed its database is gone under it.
    this.#ended.catch(() => undefined);
  }

  /** Resolves when so many transactions more are committed. */
  async wrote(transactions: number): Promise<void> {
    const wanted = this.#transactions + transactions;
    while (this.#transactions < wanted && !this.#isStopped)
      await Promise.race([
        new Promise<void>((resolve) => this.#watchers.push(resolve)),
        this.#ended,
      ]);
  }

  /** Waits for the transaction under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #write(url: string, table: string, rows: number): Promise<void> {
    const client = await openClient(url);
    while (!this.#isStopped) {
      const first = (this.#transactions * 17) % rows;
      await client.query(
        `UPDATE ${table} SET n = n + 1 WHERE id BETWEEN ${first} AND ${first + (this.#transactions % 40)}`,
      );
      this.#transactions++;
      for (const wake of this.#watchers.splice(0)) wake();
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    }
    await client.end();
  }
}
