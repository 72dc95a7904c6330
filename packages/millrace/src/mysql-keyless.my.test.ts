import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mysqlFlavors, startMysql, type MysqlServer } from "../../../test/support/mysql.ts";
import { mysqlBetween, type MysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon, tableOf } from "./tables-between.fixture.ts";

/** A server of its own: nothing but these tests writes to its log. */
describe.each(mysqlFlavors)("tables of %s without a key", (flavor) => {
  let server: MysqlServer;
  let between: MysqlBetween;
  let pipeline: Pipeline;

  beforeEach(async () => {
    server = await startMysql(flavor);
    between = await mysqlBetween(server);
  });
  afterEach(async () => {
    await between.release();
    await server[Symbol.asyncDispose]();
  });

  const at = (sql: string) =>
    between.target.query(sql.replaceAll("shop.", `"${server.database}".`));
  const id = (table: string) => `${server.database}.${table}`;

  it("get a column that was added before their load, and that the log comes to behind it", async () => {
    await server.query(`CREATE TABLE bag (a INT); INSERT INTO bag VALUES (1);
      CREATE TABLE items (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)`);
    pipeline = await between.run();
    await pipeline.caughtUp();
    await pipeline.pause();
    // More than is read ahead of a pipeline that is paused.
    for (let n = 0; n < 24; n++)
      await server.query("INSERT INTO items (v) VALUES (REPEAT('v', 1000000))");
    await server.query("ALTER TABLE bag ADD COLUMN b INT");
    await server.query("INSERT INTO bag VALUES (2, 20)");
    const loaded = pipeline.resync(id("bag"));
    await pipeline.resume();
    await loaded;
    await pipeline.caughtUp();
    await soon(() => tableOf(pipeline, id("bag")).state === "SYNC");
    expect(await at("SELECT a, b FROM shop.bag ORDER BY a")).toEqual([
      { a: 1, b: null },
      { a: 2, b: 20 },
    ]);
  });

  it("are loaded behind rows of their parents that are put off, though the log does not move", async () => {
    await at(`CREATE SCHEMA "${server.database}";
      CREATE TABLE shop.parents (id int PRIMARY KEY, u text UNIQUE);
      CREATE TABLE shop.children (parent int REFERENCES shop.parents, _millrace_key text PRIMARY KEY)`);
    await server.query(`CREATE TABLE parents (id INT PRIMARY KEY, u TEXT); CREATE TABLE children (parent INT);
      INSERT INTO parents VALUES (1, 'a'); INSERT INTO children VALUES (1)`);
    pipeline = await between.run();
    await pipeline.caughtUp();
    // Rows that the source has not: one is in the way of its parent, and the other holds that one.
    await at(
      "INSERT INTO shop.parents VALUES (99, 'z'); INSERT INTO shop.children VALUES (99, 'x')",
    );
    await server.query("INSERT INTO parents VALUES (2, 'z')");
    await pipeline.caughtUp();
    await server.query("INSERT INTO children VALUES (2)");
    await pipeline.caughtUp();
    await pipeline.resync(id("parents"));
    await pipeline.resync(id("children"));
    const tables = ["parents", "children"];
    await soon(() => tables.every((name) => tableOf(pipeline, id(name)).state === "SYNC"), 60_000);
    expect(pipeline.deadLetters()).toEqual([]);
    expect(await at("SELECT parent FROM shop.children ORDER BY 1")).toEqual([
      { parent: 1 },
      { parent: 2 },
    ]);
  });
});
