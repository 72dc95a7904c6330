import { Readable } from "node:stream";
import { createConnection } from "mysql2/promise";
import { expect, it } from "vitest";
import { type MysqlServer, mysqlFlavors, startMysql } from "../../../test/support/mysql.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";

/** What applications have rows written by, beside INSERT, in two databases. */
const TABLES = `
  CREATE TABLE one.parents (id INT PRIMARY KEY, v VARCHAR(20));
  CREATE TABLE one.children (id INT PRIMARY KEY, p INT, v VARCHAR(20));
  CREATE TABLE two.notes (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
  CREATE TABLE two.parents (id INT PRIMARY KEY, v VARCHAR(20));
  CREATE TRIGGER one.noted AFTER UPDATE ON one.parents FOR EACH ROW INSERT INTO two.notes (v) VALUES (NEW.v);
  CREATE TRIGGER one.copied AFTER DELETE ON one.children FOR EACH ROW REPLACE INTO two.parents VALUES (OLD.id, OLD.v);
  INSERT INTO one.parents VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO one.children VALUES (10, 1, 'x'), (11, 1, 'y'), (20, 2, 'z');
  INSERT INTO two.parents VALUES (1, 'other')`;
const CASCADES = `ALTER TABLE one.children ADD FOREIGN KEY (p) REFERENCES one.parents (id) ON DELETE CASCADE ON UPDATE SET NULL`;

async function loadFile(server: MysqlServer): Promise<void> {
  const { host, port, user, password } = server;
  const session = await createConnection({ host, port, user, password });
  await session.query({
    sql: "LOAD DATA LOCAL INFILE 'rows' REPLACE INTO TABLE one.parents FIELDS TERMINATED BY ',' (id, v)",
    infileStreamFactory: () => Readable.from([Buffer.from("3,from a file\n4,anew\n")]),
  });
  await session.end();
}

/** All rows of a table, as texts. */
async function rowsOf(
  at: { query: (sql: string) => Promise<readonly object[]> },
  table: string,
): Promise<string[]> {
  return (await at.query(`SELECT * FROM ${table} ORDER BY id`)).map((row) => JSON.stringify(row));
}

it.each(mysqlFlavors)(
  "a pipeline from two databases of %s has what triggers, files, queries and foreign keys write",
  async (flavor) => {
    const settings = { local_infile: "1" };
    await using server = await startMysql(flavor, { settings });
    await server.query(`CREATE DATABASE one; CREATE DATABASE two; ${TABLES}; ${CASCADES}`);
    const between: MysqlBetween = await mysqlBetween(server);
    const same = async (pipeline: Pipeline, ...tables: readonly string[]): Promise<void> => {
      await pipeline.caughtUp();
      for (const table of tables)
        expect(await rowsOf(between.target, table), table).toEqual(await rowsOf(server, table));
    };
    const file = (more = {}) => between.file({ tables: "one.\\.*, two.\\.*", ...more });
    const all = ["one.parents", "one.children", "two.notes", "two.parents"];
    try {
      // MariaDB does not log what its foreign keys do.
      if (flavor === "mariadb") {
        await expect(between.run(file())).rejects.toThrow(/foreign key of it cascades/);
        await between.stop();
        await server.query("ALTER TABLE one.children DROP FOREIGN KEY children_ibfk_1");
      }
      const pipeline = await between.run(file());
      await same(pipeline, ...all);
      await server.query(
        `UPDATE one.parents SET v = 'seen' WHERE id = 2; DELETE FROM one.children WHERE id = 20;
         INSERT INTO one.children SELECT id + 100, 1, v FROM one.children`,
      );
      await loadFile(server);
      await server.query(
        "CREATE TABLE two.made (id INT PRIMARY KEY) SELECT id, v FROM one.parents",
      );
      await same(pipeline, ...all);
      // A table that was made is found at the next look, at the start at the latest.
      await between.stop();
      const again = await between.run(file());
      await same(again, ...all, "two.made");
      await server.query(
        `UPDATE one.parents SET id = 30 WHERE id = 3; DELETE FROM one.parents WHERE id = 1;
         DROP TABLE two.made; CREATE TABLE two.made (id INT PRIMARY KEY) SELECT id, v FROM one.parents`,
      );
      await same(again, ...all, "two.made");
    } finally {
      await between.release();
    }
  },
);
