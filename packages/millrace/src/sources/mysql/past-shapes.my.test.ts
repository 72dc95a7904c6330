/** A log that begins before its tables were altered: nothing of it is left out, and what nobody can know is refused. */
import { expect, describe, it } from "vitest";
import { mysqlFlavors, type SharedMysql, sharedMysql } from "../../../../../test/support/mysql.ts";
import type { TableShape } from "../../model/table.ts";
import { startOf } from "./logged-items.fixture.ts";
import type { LogPosition } from "./position.ts";
import { shapesNow, ToldTables } from "./told-tables.fixture.ts";

/** As the catalogue tells it: nobody knows since when rows have it. */
function unplaced(shape: TableShape): TableShape {
  const { facts = null } = shape;
  const { since: _, ...rest } = facts as { readonly since: unknown } & Record<string, never>;
  return { ...shape, facts: rest };
}

/** Follows the table from there on, knowing no more than what it is like now. */
async function followSince(
  server: SharedMysql,
  from: LogPosition,
  name: string,
): Promise<ToldTables> {
  const now = await shapesNow(server, name);
  const tables = new Map([...now].map(([id, shape]) => [id, unplaced(shape)]));
  return ToldTables.open(server, { from, tables, assumesCatalogue: true });
}

describe.each(mysqlFlavors)("the log of %s that begins in the past", (flavor) => {
  it("tells all of a table that had fewer columns then, and has them where the log says so", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
    );
    const from = await startOf(server);
    await server.query(
      `UPDATE t SET a = 10 WHERE id = 1; DELETE FROM t WHERE id = 2; UPDATE t SET id = 33 WHERE id = 3;
       ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 7 AFTER id;
       INSERT INTO t VALUES (6, 60, 600); DELETE FROM t WHERE id = 33`,
    );
    await using log = await followSince(server, from, "t");
    const lines = await log.told();
    expect(lines).toEqual([
      "shape t (id*#1 int, a#3 int) rewritten [] rows same",
      "u t id=1 a=10",
      "d t id=2 a=2",
      "u t id=33 a=3",
      "shape t (id*#1 int, b#4 int, a#3 int) rewritten [b] rows same",
      "c t id=6 b=60 a=600",
      "d t id=33 b=7 a=3",
    ]);
    for (const [index, { position, kept }] of log.steps.entries()) {
      const options = { from: position, tables: kept, assumesCatalogue: true };
      await using again = await ToldTables.open(server, options);
      expect(await again.told(), `behind item ${index}`).toEqual(lines.slice(index + 1));
    }
  });

  it("is refused where rows have a column that is gone, or was another one", async () => {
    for (const alter of ["DROP COLUMN a", "MODIFY a VARCHAR(20)", "RENAME COLUMN a TO b"]) {
      await using server = await sharedMysql(flavor);
      await server.query("CREATE TABLE t (id INT PRIMARY KEY, a INT)");
      const from = await startOf(server);
      await server.query(`INSERT INTO t VALUES (1, 1); ALTER TABLE t ${alter}`);
      await using log = await followSince(server, from, "t");
      await expect(log.told(), alter).rejects.toMatchObject({
        code: "MR_SOURCE_UNREADABLE",
        message: expect.stringContaining(`${server.database}.t: the log begins before`) as string,
      });
    }
  });

  it("leaves nothing out of a table whose ALTER it cannot follow, and has it loaded again", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1), (2, 2)",
    );
    const from = await startOf(server);
    await server.query(
      `ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 7, ADD INDEX (a);
       DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 3, 3)`,
    );
    await using log = await followSince(server, from, "t");
    expect(await log.told()).toEqual([
      "shape t (id*#1 int, a#2 int, b#3 int) rewritten [id,a,b] rows moved",
      "d t id=2 a=2 b=7",
      "c t id=3 a=3 b=3",
      "shape t (id*#1 int, a#2 int, b#3 int) rewritten [] rows same",
    ]);
    expect(log.items[0]).toMatchObject({ altered: true });
    await server.query("UPDATE t SET b = 8 WHERE id = 3");
    expect(await log.told()).toEqual(["u t id=3 a=3 b=8"]);
  });
});
