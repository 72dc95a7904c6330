import type { MysqlDatabase } from "../test/support/mysql.ts";

/** The shop's tables, with the kinds of columns and keys that shops have. */
const SCHEMA = `
CREATE TABLE customers (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL, name VARCHAR(80) NOT NULL,
  vip TINYINT(1) NOT NULL DEFAULT 0, settings JSON, joined TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6));
CREATE TABLE products (
  sku VARCHAR(20) PRIMARY KEY, title VARCHAR(200) NOT NULL, price DECIMAL(10,2) NOT NULL, tags SET('new', 'sale', 'gift'),
  description MEDIUMTEXT, photo BLOB, changed DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3));
CREATE TABLE orders (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, customer BIGINT UNSIGNED NOT NULL,
  status ENUM('new', 'paid', 'packed', 'sent', 'returned') NOT NULL DEFAULT 'new', total DECIMAL(12,4) NOT NULL,
  note TEXT, placed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY (customer) REFERENCES customers (id));
CREATE TABLE order_lines (
  order_id BIGINT UNSIGNED NOT NULL, line SMALLINT NOT NULL, sku VARCHAR(20) NOT NULL, quantity INT NOT NULL,
  price DECIMAL(10,2) NOT NULL, PRIMARY KEY (order_id, line), FOREIGN KEY (order_id) REFERENCES orders (id))`;

const PRODUCTS = 500;

/** Makes the shop and fills it with `orders` orders. */
export async function fillMysqlShop(shop: MysqlDatabase, orders: number): Promise<void> {
  const customers = Math.max(1, Math.floor(orders / 10));
  await shop.query(SCHEMA);
  await shop.query(
    `INSERT INTO products ${numbers(PRODUCTS)} SELECT CONCAT('SKU-', LPAD(n, 5, '0')), CONCAT('Product ', n), n * 37 % 9000 / 100 + 1,
       n % 8, REPEAT('Made with care. ', n % 40), UNHEX(LPAD(HEX(n * 7919), 16, '0')), '2026-01-01' + INTERVAL n HOUR FROM numbers`,
  );
  await shop.query(
    `INSERT INTO customers (email, name, vip, settings) ${numbers(customers)} SELECT CONCAT('c', n, '@example.com'),
       CONCAT('Customer ', n), n % 20 = 0, JSON_OBJECT('theme', 'dark', 'n', n) FROM numbers`,
  );
  await shop.query(
    `INSERT INTO orders (customer, status, total, note) ${numbers(orders)} SELECT 1 + n % ${customers}, 1 + n % 5, n / 7,
       IF(n % 3 = 0, CONCAT('gift ', n), NULL) FROM numbers`,
  );
  await shop.query(
    `INSERT INTO order_lines SELECT o.id, l.n, CONCAT('SKU-', LPAD(1 + (o.id * 31 + l.n) % ${PRODUCTS}, 5, '0')), l.n, l.n * 3.5
     FROM orders o, (SELECT 1 AS n UNION ALL SELECT 2) l`,
  );
  await shop.query("ANALYZE TABLE customers, products, orders, order_lines");
}

/** A row per number from 1 on; the servers bound recursion by different settings, joins by none. */
function numbers(count: number): string {
  const digit =
    "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
  const places = String(count).length;
  const value = Array.from({ length: places }, (_, n) => `t${n}.d * ${10 ** n}`).join(" + ");
  const from = Array.from({ length: places }, (_, n) => `${digit} t${n}`).join(", ");
  return `WITH numbers AS (SELECT * FROM (SELECT ${value} AS n FROM ${from}) AS every WHERE n BETWEEN 1 AND ${count})`;
}

/** What customers do at MySQL and MariaDB; each is a transaction. */
export const MYSQL_ACTS = [
  {
    weight: 5,
    changes: 3,
    sql: [
      "INSERT INTO orders (customer, total, note) SELECT 1 + FLOOR(RAND() * (SELECT COUNT(*) - 1 FROM customers)), 10 + RAND() * 100, 'placed while it runs'",
      "INSERT INTO order_lines SELECT LAST_INSERT_ID(), l.n, CONCAT('SKU-', LPAD(1 + l.n * 7, 5, '0')), l.n, 9.99 FROM (SELECT 1 AS n UNION ALL SELECT 2) l",
    ],
  },
  {
    weight: 6,
    changes: 1,
    sql: [
      "SET @any = 1 + FLOOR(RAND() * (SELECT MAX(id) FROM orders))",
      "UPDATE orders SET status = 1 + (status + 0) % 5 WHERE id = @any",
    ],
  },
  {
    weight: 2,
    changes: 1,
    sql: ["UPDATE products SET price = price + 0.01, changed = NOW(3) ORDER BY RAND() LIMIT 1"],
  },
  {
    weight: 1,
    changes: 3,
    sql: [
      "SET @any = 1 + FLOOR(RAND() * (SELECT MAX(id) FROM orders))",
      "DELETE FROM order_lines WHERE order_id = @any",
      "DELETE FROM orders WHERE id = @any",
    ],
  },
  {
    weight: 1,
    changes: 1,
    sql: ["INSERT INTO customers (email, name) VALUES ('new@example.com', 'New customer')"],
  },
] as const;
