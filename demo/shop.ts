import pg from "pg";

/** The shop's tables, with the kinds of columns and keys that shops have. */
const SCHEMA = `
CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL, name varchar(80) NOT NULL, vip boolean NOT NULL DEFAULT false,
  settings jsonb, joined timestamptz NOT NULL DEFAULT now());
CREATE TABLE products (
  sku text PRIMARY KEY, title text NOT NULL, price numeric(10,2) NOT NULL, tags text[],
  description text, photo bytea, changed timestamp NOT NULL DEFAULT now());
CREATE TYPE order_status AS ENUM ('new', 'paid', 'packed', 'sent', 'returned');
CREATE TABLE orders (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), customer bigint NOT NULL REFERENCES customers,
  status order_status NOT NULL DEFAULT 'new', total numeric NOT NULL, note text, placed timestamptz NOT NULL DEFAULT now());
CREATE TABLE order_lines (
  order_id uuid NOT NULL REFERENCES orders ON DELETE CASCADE, line smallint NOT NULL, sku text NOT NULL REFERENCES products,
  quantity int NOT NULL, price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, line));`;

const PRODUCTS = 500;

/** Makes the shop and fills it with `orders` orders. */
export async function openShop(url: string, orders: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(SCHEMA);
    await client.query(
      `INSERT INTO products SELECT 'SKU-' || lpad(i::text, 5, '0'), 'Product ' || i, (i * 37 % 9000) / 100.0 + 1,
         ARRAY['tag ' || i % 7, 'with "quotes"'], repeat('Made with care. ', i % 40), decode(md5(i::text), 'hex')
       FROM generate_series(1, $1::int) i`,
      [PRODUCTS],
    );
    const customers = Math.max(1, Math.floor(orders / 10));
    await client.query(
      `INSERT INTO customers (email, name, vip, settings) SELECT 'c' || i || '@example.com', 'Customer ' || i, i % 20 = 0,
         jsonb_build_object('theme', 'dark', 'n', i) FROM generate_series(1, $1::int) i`,
      [customers],
    );
    await client.query(
      `INSERT INTO orders (customer, status, total, note) SELECT 1 + i % $2::int, (enum_range(null::order_status))[1 + i % 5], i / 7.0,
         CASE WHEN i % 3 = 0 THEN 'gift ' || i END FROM generate_series(1, $1::int) i`,
      [orders, customers],
    );
    await client.query(
      `INSERT INTO order_lines SELECT o.id, l, 'SKU-' || lpad((1 + abs(hashtext(o.id::text || l)) % $1::int)::text, 5, '0'), l, l * 3.5
       FROM orders o, generate_series(1, 2) l`,
      [PRODUCTS],
    );
    await client.query("ANALYZE");
  } finally {
    await client.end();
  }
}
