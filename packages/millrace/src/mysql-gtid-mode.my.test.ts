import { expect, it } from "vitest";
import { startMysql } from "../../../test/support/mysql.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";

const ITEMS = `CREATE TABLE items (id BIGINT PRIMARY KEY, v TEXT);
  INSERT INTO items WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i, 'a' FROM n`;
/** 100 rows are the smallest chunk. */
const SLOW_LOAD = {
  "scan.incremental.snapshot.chunk.size": 100,
  "scan.snapshot.max-rows-per-second": 200,
};

it("a load from a MySQL whose GTIDs are turned on meanwhile has the source's rows, also once they are off again", async () => {
  const settings = { gtid_mode: "OFF", enforce_gtid_consistency: "ON" };
  await using server = await startMysql("mysql", { settings });
  await server.query(ITEMS);
  const between = await mysqlBetween(server);
  const write = (): Promise<unknown> =>
    server.query(
      "UPDATE items SET v = CONCAT(v, 'x') WHERE id % 7 = 0; INSERT INTO items SELECT MAX(id) + 1, 'b' FROM items",
    );
  const turn = async (...modes: readonly string[]): Promise<void> => {
    for (const mode of modes) {
      await write();
      await server.query(`SET GLOBAL gtid_mode = ${mode}`);
    }
    await write();
  };
  try {
    const pipeline = await between.run(between.file(SLOW_LOAD));
    await turn("OFF_PERMISSIVE", "ON_PERMISSIVE", "ON");
    const on = await between.both(pipeline);
    expect(on.there).toEqual(on.here);
    await turn("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF");
    const off = await between.both(pipeline);
    expect(off.there).toEqual(off.here);
  } finally {
    await between.release();
  }
});
