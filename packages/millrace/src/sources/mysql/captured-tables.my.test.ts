import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { follow } from "./told-tables.fixture.ts";

describe.each(mysqlFlavors)("the tables of the log of %s", (flavor) => {
  it("change their shape in the place of each statement, between the rows", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(10)) CHARSET utf8mb4");
    await using log = await follow(server, "t");
    await server.query(
      `INSERT INTO t VALUES (1, 'x');
       ALTER TABLE t ADD COLUMN b INT NOT NULL DEFAULT 7 FIRST;
       INSERT INTO t VALUES (8, 2, 'y');
       ALTER TABLE t RENAME COLUMN a TO c, DROP COLUMN b;
       INSERT INTO t VALUES (3, 'z');
       TRUNCATE t;
       INSERT INTO t VALUES (4, 'w');
       DROP TABLE t`,
    );
    expect(await log.told()).toEqual([
      "shape t (id*#1 int, a#2 varchar(10) character set utf8mb4) rewritten [] rows same",
      "c t id=1 a=x",
      "shape t (b#3 int, id*#1 int, a#2 varchar(10) character set utf8mb4) rewritten [b] rows same",
      "c t b=8 id=2 a=y",
      "shape t (id*#1 int, c#2 varchar(10) character set utf8mb4) rewritten [] rows same",
      "c t id=3 c=z",
      "truncate t",
      "c t id=4 c=w",
      "dropped t",
    ]);
  });
});
