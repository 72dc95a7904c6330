import pg from "pg";

/** The table of all benchmarks: ten columns as applications have them, about 230 bytes a row on the wire. */
export const TABLE = `CREATE TABLE items (
  id bigint PRIMARY KEY, customer integer NOT NULL, quantity integer NOT NULL, price numeric(12,2) NOT NULL,
  sku varchar(32) NOT NULL, note text NOT NULL, active boolean NOT NULL, changed timestamptz NOT NULL, token uuid NOT NULL, extra jsonb NOT NULL)`;

/** The columns with their types, in order. */
export const COLUMNS = [
  ["id", "bigint"],
  ["customer", "integer"],
  ["quantity", "integer"],
  ["price", "numeric(12,2)"],
  ["sku", "varchar(32)"],
  ["note", "text"],
  ["active", "boolean"],
  ["changed", "timestamptz"],
  ["token", "uuid"],
  ["extra", "jsonb"],
] as const;

/** The ten columns made from a number `i`. */
export const ROW = `i, i % 10000, i % 100, (i % 100000) / 100.0, 'SKU-' || i % 5000, 'note of item ' || i || ' ' || repeat('x', 40),
  i % 2 = 0, '2026-01-01'::timestamptz + i * interval '1 second', md5(i::text)::uuid, jsonb_build_object('n', i, 'tags', jsonb_build_array('a', 'b'))`;

/** Rows a transaction holds in backlogs. */
export const TRANSACTION_ROWS = 1000;

/** Runs statements on a session of its own. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Inserts `rows` rows in transactions of {@link TRANSACTION_ROWS}. */
export async function insertRows(client: pg.Client, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += TRANSACTION_ROWS) {
    const to = Math.min(rows, from + TRANSACTION_ROWS - 1);
    await client.query(
      `INSERT INTO items SELECT ${ROW} FROM generate_series(${from}::bigint, ${to}::bigint) i`,
    );
  }
}

/** Updates all rows in transactions of {@link TRANSACTION_ROWS}. */
export async function updateRows(client: pg.Client, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += TRANSACTION_ROWS) {
    await client.query(
      "UPDATE items SET quantity = quantity + 1, changed = changed + interval '1 hour' WHERE id BETWEEN $1 AND $2",
      [from, from + TRANSACTION_ROWS - 1],
    );
  }
}
