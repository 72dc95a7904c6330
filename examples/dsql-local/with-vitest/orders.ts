// The code that the tests are about: an order takes from the stock, in a transaction that is made anew after a conflict.
import pg, { type Pool, type PoolClient } from "pg";

/** Aurora DSQL's only code for a conflict, be it over rows (OC000) or over the schema (OC001). */
const CONFLICT = "40001";
const MOST_ATTEMPTS = 8;

/** The table that orders take from; one DDL a transaction. */
export const schema: readonly string[] = [
  "CREATE TABLE stock (item text PRIMARY KEY, pieces int NOT NULL)",
  "CREATE TABLE orders (id uuid PRIMARY KEY, item text NOT NULL, pieces int NOT NULL)",
];

/** A pool whose connections may end in use, as Aurora DSQL's do after an hour: without a listener that would end the process. */
export function openPool(url: string): Pool {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  pool.on("error", () => {});
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}

/** An order; its id is the caller's, so that asking twice for the same one is harmless. */
export interface Order {
  readonly id: string;
  readonly item: string;
  readonly pieces: number;
}

/** Takes the pieces from the stock and writes the order down. Throws where there are too few. */
export async function placeOrder(pool: Pool, { id, item, pieces }: Order): Promise<void> {
  await inTransaction(pool, async (client) => {
    const written = await client.query(
      "INSERT INTO orders VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
      [id, item, pieces],
    );
    if (written.rowCount === 0) return;
    const taken = await client.query(
      "UPDATE stock SET pieces = pieces - $2 WHERE item = $1 AND pieces >= $2",
      [item, pieces],
    );
    if (taken.rowCount === 0) throw new Error(`not enough of ${item}`);
  });
}

async function inTransaction(
  pool: Pool,
  work: (client: PoolClient) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await work(client);
      await client.query("COMMIT");
      return client.release();
    } catch (error) {
      const { again, lost } = judge(error);
      if (!lost) await client.query("ROLLBACK").catch(() => {});
      client.release(lost);
      if (!again || attempt === MOST_ATTEMPTS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 ** attempt));
  }
}

/** After a conflict nothing has happened; after a lost connection the COMMIT may have, which the order's id is for. */
function judge(error: unknown): { readonly again: boolean; readonly lost: boolean } {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const lost = error instanceof Error && /terminated|ended|ECONNRESET/.test(error.message);
  return { again: lost || code === CONFLICT, lost };
}
