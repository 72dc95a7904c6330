import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../test/support/mysql.ts";
import { mysqlBetween } from "./mysql-between.fixture.ts";

/** What no sink of ours takes, by load and by log. */
const ROWS = `SET SESSION sql_mode = ''; INSERT INTO items VALUES
  (1, 'fine', '2026-11-22', '2026-11-22 10:00:00', '10:00:00'), (2, 'zero', '0000-00-00', '2026-00-01 00:00:00', NULL),
  (3, 'nul\\0SECRET', '2026-11-22', NULL, NULL), (4, 'time', '2026-11-22', NULL, '-26:00:00')`;

describe.each(mysqlFlavors)("rows of %s that no sink takes", (flavor) => {
  it("are parked with the column, the reason and what helps, and are NULL where the file says so", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE items (id INT PRIMARY KEY, v VARCHAR(40), d DATE NOT NULL, dt DATETIME, t TIME); ${ROWS}`,
    );
    const between = await mysqlBetween(server);
    try {
      const pipeline = await between.run();
      await pipeline.caughtUp();
      await server.query(ROWS.replaceAll("(", "(1"));
      await pipeline.caughtUp();
      const letters = pipeline.deadLetters().map(({ keyColumns, column, reason }) => ({
        id: Number(keyColumns["id"]),
        text: `${column}: ${reason}`,
      }));
      const said = new Map(letters.map(({ id, text }) => [id, text]));
      expect([...said.keys()].toSorted((a, b) => a - b)).toEqual([2, 3, 4, 12, 13, 14]);
      for (const tens of [0, 10]) {
        expect(said.get(tens + 2)).toMatch(/^d: columns "d", "dt" have .*zero-dates: as-null/);
        expect(said.get(tens + 3)).toMatch(/^v: column "v" has U\+0000/);
        expect(said.get(tens + 4)).toMatch(/^t: column "t" has .*time-as-interval\.enabled: true/);
      }
      expect(JSON.stringify(letters)).not.toContain("SECRET");
      await between.stop();

      // The source's NOT NULL is not the target's, but for keys.
      const asNull = await between.run(between.file({ "zero-dates": "as-null" }));
      await asNull.resync(`${server.database}.items`);
      await asNull.caughtUp();
      const nulls = `SELECT id FROM "${server.database}".items WHERE d IS NULL AND dt IS NULL ORDER BY id`;
      expect(await between.target.query(nulls)).toEqual([{ id: 2 }, { id: 12 }]);
    } finally {
      await between.release();
    }
  });
});
