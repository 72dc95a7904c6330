import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../support/mysql.ts";
import { buildSource } from "./database.ts";
import { changeColumns } from "./ddl-writer.ts";
import { mysqlTables } from "./mysql-schema.ts";
import { Dice } from "./random.ts";
import { Numbers, writeSession } from "./writer.ts";

describe.each(mysqlFlavors)("the writers on %s", (flavor) => {
  it("do everything that they are made for, several at once", async () => {
    await using source = await sharedMysql(flavor);
    const tables = mysqlTables[flavor];
    expect(tables.length).toBeGreaterThanOrEqual(30);
    await buildSource(source.url, tables);
    const common = { url: source.url, numbers: new Numbers() };
    const sessions = [1, 2, 3].map((seed) =>
      writeSession({ ...common, tables, dice: new Dice(seed), transactions: 60, largeRows: 1000 }),
    );
    const ddl = changeColumns({
      ...common,
      tables: tables.filter(({ manners }) => manners.ddl),
      dice: new Dice(9),
      steps: 45,
      retypes: true,
      remakes: true,
      pauseMs: 0,
    });
    const reports = await Promise.all(sessions);
    const statements = (await ddl).join("\n");
    for (const { committed, rolledBack, refused } of reports) {
      expect(committed).toBeGreaterThan(35);
      expect(rolledBack).toBeGreaterThan(0);
      const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0);
      expect([refused, refusals < 25]).toEqual([refused, true]);
    }
    const kinds =
      "ADD COLUMN,DEFAULT,RENAME COLUMN,DROP COLUMN,MODIFY COLUMN,TRUNCATE,RENAME TABLE,DROP TABLE,FORCE";
    for (const kind of kinds.split(",")) {
      expect(statements).toContain(kind);
    }
  });
});
