import { describe, expect, it } from "vitest";
import { type MysqlDatabase, mysqlFlavors, sharedMysql } from "../../../test/support/mysql.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { SeededRandom } from "./pipeline/simulation/seeded-random.ts";

/** Columns of every kind that a log may leave out: defaults, computed ones, long ones, documents. */
const WIDE = `CREATE TABLE wide (id INT PRIMARY KEY, a INT, b INT DEFAULT 7, c TEXT, d VARCHAR(20) DEFAULT 'none',
  v INT AS (a + b) VIRTUAL, s INT AS (a * 2) STORED, w VARCHAR(40) AS (CONCAT(d, id)) VIRTUAL, j JSON);
  INSERT INTO wide (id, a, j) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 20)
  SELECT i, i, '{"a": 0, "long": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}' FROM n`;
const COLUMNS = "id, a, b, c, d, v, s, w, j";
const KEYS = 30;

/** A statement of which the log tells but a part. */
function statement(random: SeededRandom): string {
  const key = (): number => random.between(1, KEYS);
  const n = random.between(1, 1_000);
  return random.pick([
    `INSERT IGNORE INTO wide (id, a) VALUES (${key()}, ${n}), (${key()}, ${n})`,
    `INSERT IGNORE INTO wide (id, c) VALUES (${key()}, 'c${n}')`,
    `REPLACE INTO wide (id, a) VALUES (${key()}, ${n})`,
    `REPLACE INTO wide (id, d) VALUES (${key()}, 'd${n}')`,
    `INSERT INTO wide (id, a) VALUES (${key()}, ${n}) ON DUPLICATE KEY UPDATE b = b + 1, j = '{"b": ${n}}'`,
    `UPDATE wide SET a = ${n} WHERE id = ${key()}`,
    `UPDATE wide SET b = ${n}, c = 'u${n}' WHERE id BETWEEN ${key()} AND ${key()}`,
    `UPDATE wide SET j = JSON_SET(j, '$.a', ${n}) WHERE id = ${key()}`,
    `UPDATE IGNORE wide SET id = ${key()} WHERE id = ${key()}`,
    `UPDATE IGNORE wide SET id = ${key()}, a = ${n} WHERE id = ${key()}`,
    `DELETE FROM wide WHERE id = ${key()}`,
  ]);
}

async function write(server: MysqlDatabase, image: string, random: SeededRandom): Promise<void> {
  await using session = await server.connect();
  await session.query(`SET SESSION binlog_row_image = '${image}'`);
  if (server.flavor === "mysql")
    await session.query("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
  for (let transactions = 0; transactions < 60; transactions += 1) {
    const statements = Array.from({ length: random.between(1, 3) }, () => statement(random));
    await session.query(`BEGIN; ${statements.join("; ")}; COMMIT`);
  }
}

const printed = (rows: readonly Readonly<Record<string, unknown>>[]): string[] =>
  rows.map((row) =>
    COLUMNS.split(", ")
      .map((name) => {
        const value: unknown = row[name];
        const parsed: unknown =
          name === "j" && typeof value === "string" ? JSON.parse(value) : value;
        return parsed;
      })
      .map((value) => JSON.stringify(value))
      .join(" "),
  );

async function both(
  { target }: MysqlBetween,
  pipeline: Pipeline,
  server: MysqlDatabase,
): Promise<{ readonly there: string[]; readonly here: string[] }> {
  await pipeline.caughtUp();
  const sql = (table: string): string => `SELECT ${COLUMNS} FROM ${table} ORDER BY id`;
  const there = await target.query(sql(`"${server.database}".wide`));
  return { there: printed(there), here: printed(await server.query(sql("wide"))) };
}

describe.each(mysqlFlavors)("a pipeline from %s", (flavor) => {
  it("has every row as it is, whatever the log leaves out of it, and though it changes again at once", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(WIDE);
    const between = await mysqlBetween(server);
    const pipeline = await between.run();
    for (const [seed, image] of ["MINIMAL", "NOBLOB", "FULL", "MINIMAL"].entries()) {
      await write(server, image, new SeededRandom(seed + 1));
      const { there, here } = await both(between, pipeline, server);
      expect(there, image).toEqual(here);
    }
    await between.release();
  });
});
