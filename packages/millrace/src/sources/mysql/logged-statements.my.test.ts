import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql, startMysql } from "../../../../../test/support/mysql.ts";
import { follow } from "./told-tables.fixture.ts";

describe.each(mysqlFlavors)("what the log of %s has of statements", (flavor) => {
  it("is rows, whatever wrote them: triggers, other tables, keys that are there", async () => {
    await using server = await sharedMysql(flavor);
    await server.query(
      `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9));
       CREATE TABLE seen (n INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9));
       CREATE TRIGGER noted AFTER INSERT ON t FOR EACH ROW INSERT INTO seen (v) VALUES (NEW.v)`,
    );
    await using log = await follow(server, "t", "seen");
    await server.query(
      `INSERT INTO t SELECT 1, 'one'; REPLACE INTO t VALUES (1, 'uno');
       INSERT INTO t VALUES (1, 'x') ON DUPLICATE KEY UPDATE v = 'eins';
       BEGIN; INSERT INTO t VALUES (2, 'two'); SAVEPOINT s; INSERT INTO t VALUES (3, 'three'); ROLLBACK TO s; COMMIT`,
    );
    expect(await log.told()).toEqual([
      "c t id=1 v=one",
      "c seen n=1 v=one",
      "u t id=1 v=uno",
      "c seen n=2 v=uno",
      "u t id=1 v=eins",
      "c t id=2 v=two",
      "c seen n=3 v=two",
    ]);
  });

  it("says nothing of temporary tables, whatever their names are", async () => {
    await using server = await sharedMysql(flavor);
    await server.query("CREATE TABLE t (id INT PRIMARY KEY)");
    await using log = await follow(server, "t");
    await server.query(
      `CREATE TEMPORARY TABLE t (other VARCHAR(3)); INSERT INTO t VALUES ('x'); ALTER TABLE t ADD more INT;
       TRUNCATE t; DROP TEMPORARY TABLE t; CREATE TEMPORARY TABLE t (a INT); DROP TABLE t; INSERT INTO t VALUES (1)`,
    );
    expect(await log.told()).toEqual(["c t id=1"]);
  });

  it("is refused where it stands for rows of a captured database, and let pass where it does not", async () => {
    // One of its own: whoever reads the shared one's log at this moment would be refused, too.
    await using server = await startMysql(flavor);
    const other = new URL(await server.createDatabase("other")).pathname.slice(1);
    await server.query(
      `CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE \`${other}\`.x (id INT PRIMARY KEY);
       CREATE TABLE \`${other}\`.y (id INT PRIMARY KEY);
       CREATE TRIGGER \`${other}\`.far AFTER INSERT ON \`${other}\`.y FOR EACH ROW INSERT INTO \`${server.database}\`.t VALUES (NEW.id)`,
    );
    await using log = await follow(server, "t");
    const words = `SET SESSION binlog_format = STATEMENT; USE \`${other}\`;`;
    if (flavor === "mysql") {
      // MariaDB's log does not say which databases a statement is about.
      await server.query(
        `${words} INSERT INTO x VALUES (1); BEGIN; INSERT INTO x VALUES (2); COMMIT`,
      );
      await server.query("INSERT INTO t VALUES (1)");
      expect(await log.told()).toEqual(["c t id=1"]);
    }
    await server.query(`${words} INSERT INTO y VALUES (2)`);
    await expect(log.told()).rejects.toMatchObject({
      code: "MR_SOURCE_UNREADABLE",
      message: expect.stringMatching(
        /statements in place of rows \(binlog file \d+, offset \d+\)/,
      ) as unknown,
    });
  });
});
