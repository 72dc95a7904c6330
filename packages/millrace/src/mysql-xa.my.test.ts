/** XA transactions, whose rows are in the log before they are committed, days before perhaps. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type MysqlDatabase,
  mysqlFlavors,
  type MysqlServer,
  startMysql,
} from "../../../test/support/mysql.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { type MysqlBetween, mysqlBetween } from "./mysql-between.fixture.ts";
import type { Pipeline } from "./pipeline-handle.ts";
import { soon } from "./tables-between.fixture.ts";

const ITEMS = `CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT);
  INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i, 'a' FROM n;
  CREATE TABLE more (id INT PRIMARY KEY)`;

/** Locks the rows that it changes and no others. */
const READ_COMMITTED = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/** MySQL's session gives it up with the PREPARE, MariaDB's when it ends. */
async function prepare(server: MysqlDatabase, xid: string, sql: string, end = ""): Promise<void> {
  const session = await server.connect();
  try {
    for (const each of [
      READ_COMMITTED,
      `XA START '${xid}'`,
      sql,
      `XA END '${xid}'`,
      `XA PREPARE '${xid}'`,
      end,
    ])
      if (each !== "") await session.query(each);
  } finally {
    await session.end();
  }
}

describe.each(mysqlFlavors)("a pipeline from %s with XA transactions", (flavor) => {
  let server: MysqlServer;
  let between: MysqlBetween;
  beforeEach(async () => {
    server = await startMysql(flavor);
    await server.query(ITEMS);
    between = await mysqlBetween(server);
  });
  afterEach(async () => {
    await between.release();
    await server.stop();
  });

  async function expectSame(pipeline: Pipeline): Promise<void> {
    const { there, here } = await between.both(pipeline);
    expect(there).toEqual(here);
  }

  /** The log has nothing but its newest file. */
  async function purge(): Promise<void> {
    await server.query("FLUSH BINARY LOGS");
    const { file } = await server.binlogEnd();
    await soon(async () => {
      await server.query(`PURGE BINARY LOGS TO '${file}'`);
      return (await server.query("SHOW BINARY LOGS")).length === 1;
    });
  }

  it("does not begin while one is prepared that the log does not have, and says so before", async () => {
    await prepare(server, "early", "UPDATE items SET v = 'early' WHERE id = 1");
    await purge();
    const file = between.file({ "connect.timeout": "1s" });
    const found = (await checkPipeline(file)).map(({ what }) => what);
    expect(found).toContain("XA transactions are prepared: X'6561726c79',X'',1.");
    await expect(between.run(file)).rejects.toMatchObject({
      code: "MR_SOURCE_REFUSED",
      message: expect.stringContaining("X'6561726c79',X'',1") as string,
    });
    await server.query("XA COMMIT 'early'");
    await expectSame(await between.run(file));
  });

  it("begins beside those that the log has, and knows them over restarts, as those that are prepared later", async () => {
    await prepare(server, "early", "UPDATE items SET v = 'early' WHERE id = 1");
    await server.query("FLUSH BINARY LOGS");
    await prepare(server, "gone", "UPDATE items SET v = 'gone' WHERE id = 2");
    await prepare(server, "over", "UPDATE items SET v = 'over' WHERE id = 3");
    const file = between.file({ "connect.timeout": "1s" });
    const first = await between.run(file);
    await expectSame(first);
    await server.query("XA COMMIT 'early'; XA ROLLBACK 'gone'");
    await expectSame(first);
    await between.stop();
    await server.query("XA COMMIT 'over'");
    await expectSame(await between.run(file));
    await between.stop();
    const pipeline = await between.run(file);
    await prepare(server, "one", "UPDATE items SET v = 'one' WHERE id < 50");
    await prepare(server, "two", "UPDATE items SET v = 'two' WHERE id BETWEEN 100 AND 150");
    await prepare(server, "three", "DELETE FROM items WHERE id BETWEEN 200 AND 250");
    await expectSame(pipeline);
    await server.query("FLUSH BINARY LOGS; INSERT INTO more VALUES (1)");
    await expectSame(pipeline);
    await between.stop();
    await server.query("XA COMMIT 'one'; XA ROLLBACK 'two'");
    await expectSame(await between.run(file));
    await server.query("XA COMMIT 'three'; UPDATE items SET v = 'last' WHERE id = 1");
    await expectSame(await between.run(file));
  });

  it("has all of them and nothing else, whatever a load sees of them", async () => {
    let isOver = false;
    const write = async (first: number): Promise<void> => {
      for (let round = 0; !isOver; round += 1) {
        const xid = `x${first}-${round}`;
        const id = first * 225 + ((round * 37) % 220);
        const sql = `UPDATE items SET v = '${xid}' WHERE id IN (${id + 1}, ${id + 3}, ${id + 5})`;
        const end = round % 5 === 4 ? "ROLLBACK" : "COMMIT";
        await prepare(server, xid, sql, `XA ${end} '${xid}'`);
      }
    };
    const writers = Promise.all([0, 1, 2, 3].map((first) => write(first)));
    const pipeline = await between.run(
      between.file({
        "scan.incremental.snapshot.chunk.size": 100,
        "scan.snapshot.max-rows-per-second": 500,
      }),
    );
    await soon(() => pipeline.status().tables[0]?.state === "SYNC").finally(() => {
      isOver = true;
    });
    await writers;
    await between.stop();
    await expectSame(await between.run());
  });
});
