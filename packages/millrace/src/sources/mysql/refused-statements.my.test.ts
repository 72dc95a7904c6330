import { Readable } from "node:stream";
import { createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type MysqlDatabase,
  type MysqlFlavor,
  mysqlFlavors,
  type MysqlServer,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import { follow, followIgnoring } from "./told-tables.fixture.ts";

/** Statements that change rows of `t`, each in words that do not begin with one of the verbs for that. */
const WRITERS: Readonly<Record<MysqlFlavor, readonly string[]>> = {
  mysql: [
    "SELECT f(1)",
    "DO f(2)",
    "SET @x = f(3)",
    "VALUES ROW(f(4))",
    "USE {other}; SELECT g(5)",
    "/*!50000 INSERT INTO t VALUES (6) */",
    "WITH w AS (SELECT 7 AS id) UPDATE t SET id = 8 WHERE id = 1",
    "CALL p(9)",
  ],
  mariadb: [
    "SELECT f(1)",
    "USE {other}; SELECT g(2)",
    "/*M!100000 INSERT INTO t VALUES (3) */",
    "SET STATEMENT lock_wait_timeout = 5 FOR INSERT INTO t VALUES (4)",
    "ANALYZE INSERT INTO t VALUES (5)",
    "ANALYZE FORMAT=JSON INSERT INTO t VALUES (6)",
    "CREATE TABLE c SELECT id FROM t",
    "CREATE TEMPORARY TABLE c2 SELECT f(7)",
  ],
};

async function inWords(server: MysqlDatabase, sql: string): Promise<void> {
  await server.query(`SET SESSION binlog_format = STATEMENT; ${sql}`);
}

/** The client sends the file: the server may read none of this machine. */
async function loadData(server: MysqlDatabase, format: string, text: string): Promise<void> {
  const { host, port, user, password, database } = server;
  const session = await createConnection({ host, port, user, password, database });
  try {
    await session.query(`SET SESSION binlog_format = ${format}`);
    await session.query({
      sql: "LOAD DATA LOCAL INFILE 'rows' REPLACE INTO TABLE t (id)",
      infileStreamFactory: () => Readable.from([Buffer.from(text)]),
    });
  } finally {
    await session.end();
  }
}

const REFUSED = {
  code: "MR_SOURCE_UNREADABLE",
  message: expect.stringMatching(
    /statements in place of rows \(binlog file \d+, offset \d+\)/,
  ) as unknown,
};

/** What servers are told every day beside rows: rights, upkeep, programs, a restored dump, temporary tables. */
const UPKEEP = `
  CREATE USER keeper IDENTIFIED BY 'x'; GRANT SELECT, INSERT ON *.* TO keeper; REVOKE INSERT ON *.* FROM keeper;
  CREATE ROLE reader; GRANT reader TO keeper; RENAME USER keeper TO former; DROP USER former; DROP ROLE reader;
  ANALYZE TABLE t; OPTIMIZE TABLE t; REPAIR TABLE t; CHECK TABLE t; FLUSH TABLES; FLUSH TABLES t; FLUSH PRIVILEGES; FLUSH STATUS;
  CREATE VIEW v AS SELECT id FROM t; CREATE OR REPLACE VIEW v AS SELECT id + 1 FROM t; DROP VIEW v;
  CREATE PROCEDURE q() INSERT INTO t VALUES (99); DROP PROCEDURE q;
  CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id + 100; DROP TRIGGER g;
  CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01' DO DELETE FROM t; ALTER EVENT e DISABLE; DROP EVENT e;
  /*!40000 DROP DATABASE IF EXISTS restored*/; CREATE DATABASE /*!32312 IF NOT EXISTS*/ restored /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
  DROP TABLE IF EXISTS restored.t; CREATE TABLE restored.t (id INT PRIMARY KEY); LOCK TABLES restored.t WRITE;
  /*!40000 ALTER TABLE restored.t DISABLE KEYS */; INSERT INTO restored.t VALUES (1); /*!40000 ALTER TABLE restored.t ENABLE KEYS */; UNLOCK TABLES;
  DROP DATABASE restored;
  CREATE TEMPORARY TABLE own (id INT); INSERT INTO own VALUES (1); DROP TEMPORARY TABLE own;
  SET SESSION binlog_format = STATEMENT; CREATE TEMPORARY TABLE own (id INT)`;

/** One server for all tests of a flavor, of its own: whoever reads a shared one's log at this moment would be refused, too. */
describe.each(mysqlFlavors)("statements in the log of %s", (flavor) => {
  const settings = { local_infile: "1", log_bin_trust_function_creators: "1" };
  let server: MysqlServer;
  let other = "";

  beforeAll(async () => {
    server = await startMysql(flavor, { settings });
    other = new URL(await server.createDatabase("other")).pathname.slice(1);
    await server.query(
      `CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE ${other}.x (id INT PRIMARY KEY)`,
    );
    const t = `${server.database}.t`;
    for (const [name, table] of [
      ["f", t],
      [`${other}.g`, t],
      [`${other}.h`, `${other}.x`],
    ])
      await server.query(
        `CREATE FUNCTION ${name}(x INT) RETURNS INT DETERMINISTIC BEGIN INSERT INTO ${table} VALUES (x); RETURN x; END`,
      );
    await server.query("CREATE PROCEDURE p(x INT) INSERT INTO t VALUES (x)");
  });
  afterAll(() => server.stop());

  it("are refused where they change rows, in whatever words", async () => {
    for (const writer of WRITERS[flavor]) {
      const sql = writer.replace("{other}", other);
      await using log = await follow(server, "t");
      await inWords(server, sql);
      await expect(log.told(), sql).rejects.toMatchObject(REFUSED);
    }
    await using log = await follow(server, "t");
    await loadData(server, "STATEMENT", "100\n101\n");
    await expect(log.told()).rejects.toMatchObject(REFUSED);
  });

  it("are none where rows are loaded from a file into a log of rows", async () => {
    await using log = await follow(server, "t");
    await loadData(server, "ROW", "200\n201\n200\n");
    expect(await log.told()).toEqual(["c t id=200", "c t id=201"]);
  });

  it("pass where they change rows of databases that are not captured, or the server's own", async () => {
    await server.query("CREATE TABLE mysql.rds_heartbeat2 (id INT PRIMARY KEY, value BIGINT)");
    await using log = await follow(server, "t");
    // As Amazon RDS does.
    await inWords(
      server,
      "INSERT INTO mysql.rds_heartbeat2 (id, value) VALUES (1, 1700000000) ON DUPLICATE KEY UPDATE value = VALUES(value)",
    );
    // MariaDB's log does not say which databases a statement is about.
    if (flavor === "mysql")
      await inWords(server, `USE ${other}; SELECT h(1); INSERT INTO x VALUES (2)`);
    await server.query("INSERT INTO t VALUES (300)");
    expect(await log.told()).toEqual(["c t id=300"]);
    await inWords(
      server,
      "UPDATE mysql.rds_heartbeat2 h, t SET h.value = 2, t.id = 301 WHERE t.id = 300",
    );
    await expect(log.told()).rejects.toMatchObject(REFUSED);
  });

  it("pass where they write to a database that is named for that, as pt-table-checksum does, and nowhere else", async () => {
    await server.query(
      `CREATE TABLE ${other}.checksums (db CHAR(64), tbl CHAR(64), cnt INT, crc CHAR(40), PRIMARY KEY (db, tbl));
       CREATE TABLE p (id INT PRIMARY KEY)`,
    );
    const checksum = `REPLACE INTO \`${other}\`.\`checksums\` (db, tbl, cnt, crc)
      SELECT '${server.database}', 'p', COUNT(*) AS cnt, COALESCE(LOWER(CONV(BIT_XOR(CAST(CRC32(CONCAT_WS('#', id)) AS UNSIGNED)), 10, 16)), 0) AS crc
      FROM \`${server.database}\`.\`p\` FORCE INDEX(\`PRIMARY\`) WHERE ((\`id\` >= '1')) /*checksum chunk*/`;
    const known = `UPDATE \`${other}\`.\`checksums\` SET cnt = '0' WHERE db = '${server.database}' AND tbl = 'p'`;
    await using log = await followIgnoring(server, [other], "p");
    await using strict = await follow(server, "p");
    await inWords(server, `${checksum}; ${known}`);
    await server.query("INSERT INTO p VALUES (1)");
    expect(await log.told()).toEqual(["c p id=1"]);
    await expect(strict.told()).rejects.toMatchObject(REFUSED);
    // Of a captured table all that is written counts, whatever the file says.
    await using own = await followIgnoring(server, [server.database], "p");
    await inWords(server, "INSERT INTO p VALUES (2)");
    await expect(own.told()).rejects.toMatchObject(REFUSED);
  });

  it("pass where they are of the kinds that servers log beside rows", async () => {
    await using log = await follow(server, "t");
    await server.query(UPKEEP);
    await server.query("INSERT INTO t VALUES (400)");
    expect(await log.told()).toEqual(["c t id=400"]);
  });

  it("are refused where they add a foreign key whose deeds nobody will tell", async () => {
    await server.query(
      "CREATE TABLE parents (id INT PRIMARY KEY); CREATE TABLE children (id INT PRIMARY KEY, p INT, q INT)",
    );
    await using log = await follow(server, "children");
    await server.query(
      `CREATE TABLE ${other}.kids (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES ${server.database}.parents (id) ON DELETE CASCADE);
       ALTER TABLE children ADD FOREIGN KEY (p) REFERENCES parents (id) ON DELETE RESTRICT; INSERT INTO children VALUES (1, NULL, NULL)`,
    );
    expect(await log.told()).toEqual(["c children id=1 p=null q=null"]);
    await server.query(
      "ALTER TABLE children ADD FOREIGN KEY (q) REFERENCES parents (id) /* by hand */ ON UPDATE SET NULL; INSERT INTO children VALUES (2, NULL, NULL)",
    );
    if (flavor === "mysql") expect(await log.told()).toEqual(["c children id=2 p=null q=null"]);
    else
      await expect(log.told()).rejects.toMatchObject({
        code: "MR_SOURCE_UNREADABLE",
        remedy: expect.stringMatching(/unlogged-cascades: accept.*on-loss: resync/) as string,
      });
  });

  it("are told apart by their beginnings where they are longer than what is held of them", async () => {
    const long = "x".repeat(3_000_000);
    await server.query(
      `CREATE TABLE ${other}.big (v LONGTEXT); CREATE TABLE l (id INT PRIMARY KEY)`,
    );
    await using log = await follow(server, "l");
    await server.query(`CREATE PROCEDURE long_one() SELECT '${long}'; DROP PROCEDURE long_one`);
    if (flavor === "mysql")
      await inWords(server, `USE ${other}; INSERT INTO big VALUES ('${long}')`);
    await server.query("INSERT INTO l VALUES (1)");
    expect(await log.told()).toEqual(["c l id=1"]);
    await inWords(server, `INSERT INTO l SELECT LENGTH('${long}')`);
    await expect(log.told()).rejects.toMatchObject(REFUSED);
    await using again = await follow(server, "l");
    await server.query(`ALTER TABLE l /* ${long} */ ADD a INT`);
    await expect(again.told()).rejects.toMatchObject({
      code: "MR_SOURCE_UNREADABLE",
      message: expect.stringContaining("a statement of more than 1 MiB") as string,
    });
  });

  it("change schemas also where they stand behind other words", async () => {
    await server.query("CREATE TABLE s (id INT PRIMARY KEY, a INT)");
    await using log = await follow(server, "s");
    const wait = "SET STATEMENT lock_wait_timeout = 5 FOR";
    const first = flavor === "mariadb" ? wait : "/* app */";
    await server.query(
      `${first} ALTER TABLE s ADD b INT FIRST; /*!40000 ALTER TABLE s DROP a */; INSERT INTO s VALUES (2, 1)`,
    );
    expect(await log.told()).toEqual([
      "shape s (b#3 int, id*#1 int, a#2 int) rewritten [] rows same",
      "shape s (b#3 int, id*#1 int) rewritten [] rows same",
      "c s b=2 id=1",
    ]);
  });
});
