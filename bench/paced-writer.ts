import { ROW, withClient } from "./workload.ts";

/** What is written, and how fast. */
export interface Pace {
  readonly rowsPerSecond: number;
  readonly transactionRows: number;
  readonly sessions: number;
}

/** A source that is not busy. */
export const SLOW: Pace = { rowsPerSecond: 2000, transactionRows: 10, sessions: 2 };

/** Writes numbered transactions; `customer` of their rows carries the number. */
export class PacedWriter {
  /** The number of the next one. */
  next = 1;
  /** When the writer was told that each of them is committed, milliseconds since 1970: the server's disk has it then. */
  readonly told = new Map<number, number>();
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The statement that inserts the next transaction of so many rows. */
  insert(rows: number): string {
    const transaction = this.next++;
    const row = ROW.replace("i % 10000", String(transaction));
    const from = `${transaction}::bigint * 10000`;
    return `INSERT INTO items SELECT ${row} FROM generate_series(${from}, ${from} + ${rows - 1}) i`;
  }

  /** Transaction after transaction, each when it is due; who is late catches up. */
  async write(pace: Pace, seconds: number, isOver: () => boolean): Promise<void> {
    const everyMs = (pace.transactionRows / pace.rowsPerSecond) * 1000;
    const began = performance.now();
    let due = 0;
    const session = async (): Promise<void> =>
      withClient(this.#url, async (client) => {
        while (!isOver()) {
          const atMs = began + everyMs * due++;
          if (atMs - began >= seconds * 1000) return;
          const waitMs = atMs - performance.now();
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          const transaction = this.next;
          await client.query(this.insert(pace.transactionRows));
          this.told.set(transaction, performance.timeOrigin + performance.now());
        }
      });
    await Promise.all(Array.from({ length: pace.sessions }, session));
  }
}

/** When each transaction of a stretch was committed at a PostgreSQL, whose commits carry their time; milliseconds. */
export async function commitTimes(
  url: string,
  first: number,
  last: number,
): Promise<Map<number, number>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ transaction: string; ms: string }>(
      `SELECT customer AS transaction, max(extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000) AS ms
       FROM items WHERE customer BETWEEN ${first} AND ${last} GROUP BY customer`,
    );
    return new Map(rows.map((row) => [Number(row.transaction), Number(row.ms)]));
  });
}
