import type { Connection } from "mysql2/promise";
import type { MysqlDatabase, MysqlFlavor } from "../../test/support/mysql.ts";
import { TRANSACTION_ROWS } from "../workload.ts";

/** A thousand numbers, from 0, which rows are made of. */
export const NUMBERS = `CREATE TABLE numbers (n BIGINT PRIMARY KEY);
  INSERT INTO numbers WITH RECURSIVE r AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM r WHERE n < ${TRANSACTION_ROWS - 1}) SELECT n FROM r`;

/** The same ten columns as MySQL's applications have them; JSON is text in MariaDB. */
export const MYSQL_TABLE = `CREATE TABLE items (
    id BIGINT PRIMARY KEY, customer INT NOT NULL, quantity INT NOT NULL, price DECIMAL(12,2) NOT NULL,
    sku VARCHAR(32) NOT NULL, note TEXT NOT NULL, active TINYINT(1) NOT NULL, changed TIMESTAMP(6) NOT NULL,
    token CHAR(36) NOT NULL, extra JSON NOT NULL);
  ${NUMBERS}`;

const TOKEN =
  "INSERT(INSERT(INSERT(INSERT(LEFT(SHA2(i, 256), 32), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')";

/** The ten columns made from a number `i`; the second says whose they are. */
export const rowOf = (customer: string): string =>
  `i, ${customer}, i % 100, (i % 100000) / 100, CONCAT('SKU-', i % 5000), CONCAT('note of item ', i, ' ', REPEAT('x', 40)),
  i % 2 = 0, TIMESTAMP'2026-01-01 00:00:00' + INTERVAL i SECOND, ${TOKEN}, JSON_OBJECT('n', i, 'tags', JSON_ARRAY('a', 'b'))`;

/** Runs statements on a session of its own. */
export async function withSession<T>(
  server: MysqlDatabase,
  work: (session: Connection) => Promise<T>,
): Promise<T> {
  await using session = await server.connect();
  return await work(session);
}

/** Inserts `rows` rows in transactions of {@link TRANSACTION_ROWS}. */
export async function insertItems(session: Connection, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += TRANSACTION_ROWS)
    await session.query(
      `INSERT INTO items SELECT ${rowOf("i % 10000")} FROM (SELECT n + ${from} AS i FROM numbers) AS made WHERE i <= ${rows}`,
    );
}

/** Updates all rows in transactions of {@link TRANSACTION_ROWS}. */
export async function updateItems(session: Connection, rows: number): Promise<void> {
  for (let from = 1; from <= rows; from += TRANSACTION_ROWS)
    await session.query(
      "UPDATE items SET quantity = quantity + 1, changed = changed + INTERVAL 1 HOUR WHERE id BETWEEN ? AND ?",
      [from, from + TRANSACTION_ROWS - 1],
    );
}

/** Both, by what they write. */
export const WRITES = { inserts: insertItems, updates: updateItems } as const;

/** What flavours are called where people read. */
export const NAMES: Readonly<Record<MysqlFlavor, string>> = { mysql: "MySQL", mariadb: "MariaDB" };
