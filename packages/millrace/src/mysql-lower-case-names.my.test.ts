import { expect, it } from "vitest";
import { mysqlFlavors, startMysql } from "../../../test/support/mysql.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";

/** Names are kept in lower case, and are the same in whatever case they are written; the log has them as written. */
it.each(mysqlFlavors)(
  "a pipeline from %s whose names of tables are in lower case follows statements in any case",
  async (flavor) => {
    const settings = { lower_case_table_names: "1" };
    await using server = await startMysql(flavor, { settings });
    await server.query(
      `CREATE DATABASE Shop; CREATE TABLE Shop.Items (Id INT PRIMARY KEY, V VARCHAR(20));
       CREATE TABLE SHOP.Others (id INT PRIMARY KEY, v TEXT); INSERT INTO sHOP.iTEMS VALUES (1, 'a'), (2, 'b')`,
    );
    const between = await mysqlBetween(server);
    const file = between.file({ tables: "shop.\\.*" });
    const rowsOf = (table: string, key: string): Promise<readonly object[]> =>
      between.target.query(`SELECT * FROM shop.${table} ORDER BY "${key}"`);
    try {
      const pipeline = await between.run(file);
      await pipeline.caughtUp();
      expect(await rowsOf("items", "Id")).toEqual([
        { Id: 1, V: "a" },
        { Id: 2, V: "b" },
      ]);
      await server.query(
        `ALTER TABLE SHOP.ITEMS ADD COLUMN N INT; UPDATE Shop.Items SET N = id;
         ALTER TABLE Shop.items RENAME COLUMN v TO W; INSERT INTO shop.ITEMS VALUES (3, 'c', 3);
         TRUNCATE TABLE Shop.OTHERS; INSERT INTO Shop.Others VALUES (1, 'x')`,
      );
      await pipeline.caughtUp();
      const [one, ...rest] = [
        { Id: 1, W: "a", N: 1 },
        { Id: 2, W: "b", N: 2 },
        { Id: 3, W: "c", N: 3 },
      ];
      expect(await rowsOf("items", "Id")).toEqual([one, ...rest]);
      expect(await rowsOf("others", "id")).toEqual([{ id: 1, v: "x" }]);
      // Both exchange their names, and go on under them after a restart.
      await server.query(
        `RENAME TABLE Shop.Items TO Shop.Tmp, Shop.Others TO SHOP.ITEMS, shop.tmp TO Shop.OTHERS;
         INSERT INTO Shop.Items VALUES (2, 'y'); DELETE FROM SHOP.OTHERS WHERE Id = 1`,
      );
      await between.stop();
      const again = await between.run(file);
      await again.caughtUp();
      expect(await rowsOf("items", "id")).toEqual([
        { id: 1, v: "x" },
        { id: 2, v: "y" },
      ]);
      expect(await rowsOf("others", "Id")).toEqual(rest);
    } finally {
      await between.release();
    }
  },
  180_000,
);
