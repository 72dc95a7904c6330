import { expect, it } from "vitest";
import { startMysql } from "../../../../../test/support/mysql.ts";
import { follow } from "./told-tables.fixture.ts";

it("an ALTER that MariaDB logs where it begins and where it is done changes the table where it is done", async () => {
  await using server = await startMysql("mariadb", { settings: { binlog_alter_two_phase: "ON" } });
  await server.query(
    "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT); INSERT INTO t VALUES (1, 7, 7), (2, 7, 8)",
  );
  await using log = await follow(server, "t");
  // It begins, waits for the row that is locked, and fails.
  await using writer = await server.connect();
  await writer.query("BEGIN; INSERT INTO t VALUES (3, 30, 31)");
  const failed = server.query("ALTER TABLE t MODIFY a INT AFTER b, ADD UNIQUE (a)");
  failed.catch(() => undefined);
  await writer.query("COMMIT");
  await expect(failed).rejects.toThrow("Duplicate");
  await server.query(
    `INSERT INTO t VALUES (4, 40, 41); ALTER TABLE t RENAME COLUMN a TO c; INSERT INTO t VALUES (5, 50, 51);
     ALTER TABLE t ADD d INT, ALGORITHM=COPY; INSERT INTO t VALUES (6, 60, 61, 62)`,
  );
  expect(await log.told()).toEqual([
    "c t id=3 a=30 b=31",
    "c t id=4 a=40 b=41",
    "shape t (id*#1 int, c#2 int, b#3 int) rewritten [] rows same",
    "c t id=5 c=50 b=51",
    "shape t (id*#1 int, c#2 int, b#3 int, d#4 int) rewritten [] rows same",
    "c t id=6 c=60 b=61 d=62",
  ]);
});
