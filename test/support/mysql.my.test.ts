import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import selfsigned from "selfsigned";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mysqlProgram } from "./mysql-binaries.ts";
import { addressOfUsers, whatIsWrong } from "./mysql-external.ts";
import { type MysqlReplica, startMysqlReplica } from "./mysql-replica.ts";
import { mysqlFlavors, type MysqlServer, sharedMysql, startMysql } from "./mysql.ts";

const isFull = process.env["MILLRACE_E2E_FULL"] === "1";

describe.each(mysqlFlavors)("the shared %s", (flavor) => {
  it("logs rows, with the names of their columns, and gives every caller a database of its own", async () => {
    await using one = await sharedMysql(flavor);
    await using other = await sharedMysql(flavor);
    const [row] = await one.query(
      "SELECT @@log_bin AS log, @@binlog_format AS format, @@binlog_row_metadata AS metadata, DATABASE() AS db",
    );
    expect(row).toEqual({ log: 1, format: "ROW", metadata: "FULL", db: one.database });
    expect(one.version).toMatch(flavor === "mysql" ? /^(8|9)\.\d+\.\d+$/ : /^1\d\.\d+\.\d+$/);
    expect(one.port).toBe(other.port);
    expect(one.database).not.toBe(other.database);
  });

  it("drops databases, sessions with open transactions and users on release", async () => {
    await using witness = await sharedMysql(flavor);
    const shared = await sharedMysql(flavor);
    const reader = await shared.createUser();
    await shared.query("CREATE TABLE held (id INT PRIMARY KEY)");
    const session = await shared.connect({ user: reader.user, password: reader.password });
    const lost = once(session, "error");
    await session.query("START TRANSACTION; SELECT * FROM held");
    await shared.release();
    await lost;
    const left = await witness.query(
      "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = ? UNION ALL SELECT user FROM mysql.user WHERE user = ?",
      [shared.database, reader.user],
    );
    expect(left).toEqual([]);
  });
});

describe.each(mysqlFlavors)("two %s of one's own", (flavor) => {
  const certificateNames = [{ name: "commonName", value: "db.test" }];
  let source: MysqlServer;
  let replica: MysqlReplica;
  let certificate: { private: string; cert: string };
  beforeAll(async () => {
    certificate = await selfsigned.generate(certificateNames, {
      extensions: [
        { name: "basicConstraints", cA: true },
        { name: "subjectAltName", altNames: [{ type: 2, value: "db.test" }] },
      ],
    });
    const files = { "tls.key": certificate.private, "tls.pem": certificate.cert };
    const tls = { ssl_cert: "tls.pem", ssl_key: "tls.key", ssl_ca: "tls.pem" };
    const settings = { ...tls, binlog_row_image: "MINIMAL", default_time_zone: "-03:30" };
    source = await startMysql(flavor, { settings, files, systemTimeZone: "EST5" });
    replica = await startMysqlReplica(source);
  });
  afterAll(async () => {
    await replica.stop();
    await source.stop();
  });

  it("take settings, and have a port and an identity each", async () => {
    const [row] = await source.query(
      "SELECT @@binlog_row_image AS image, @@time_zone AS zone, @@system_time_zone AS system_zone",
    );
    expect(row).toEqual({ image: "MINIMAL", zone: "-03:30", system_zone: "EST" });
    const ids = await Promise.all(
      [source, replica].map((server) => server.query("SELECT @@server_id AS id, @@port AS port")),
    );
    expect(ids[0]?.[0]?.["id"]).not.toBe(ids[1]?.[0]?.["id"]);
    expect(ids.map(([one]) => one?.["port"])).toEqual([source.port, replica.port]);
  });

  it("are one behind the other by GTID; what is committed outlives a kill, and the replica goes on", async () => {
    await source.query("CREATE TABLE kept (id INT PRIMARY KEY); INSERT INTO kept VALUES (1)");
    await replica.caughtUp();
    const before = await source.binlogEnd();
    await source.kill();
    await expect(source.query("SELECT 1")).rejects.toThrow(/ECONNREFUSED/);
    await source.start();
    await source.query("INSERT INTO kept VALUES (2)");
    await replica.caughtUp();
    expect(await replica.query("SELECT id FROM kept ORDER BY id")).toEqual([{ id: 1 }, { id: 2 }]);
    const after = await source.binlogEnd();
    expect(after.file > before.file).toBe(true);
    expect(after.gtids).not.toBe(before.gtids);
    expect((await replica.binlogEnd()).gtids).toBe(after.gtids);
  });

  it("come with the program that reads their log", async () => {
    await source.query("CREATE TABLE logged (id INT); INSERT INTO logged VALUES (12345)");
    const { file } = await source.binlogEnd();
    const name = flavor === "mysql" ? "mysqlbinlog" : "mariadb-binlog";
    const [program = "", ...args] = await mysqlProgram(flavor, name);
    args.push("--verbose", "--base64-output=decode-rows", join(source.dataDir, file));
    const { stdout } = await promisify(execFile)(program, args);
    expect(stdout).toMatch(/### INSERT INTO `test`.`logged`\n### SET\n###   @1=12345/);
  });

  it("talk TLS with a certificate of the test's, to users who have to", async () => {
    const user = await source.createUser({ require: "SSL" });
    const account = { user: user.user, password: user.password };
    await expect(source.connect(account)).rejects.toThrow(/Access denied/);
    const ssl = { ca: certificate.cert, verifyIdentity: false };
    await using session = await source.connect({ ...account, ssl });
    const [rows]: [unknown, unknown] = await session.query("SHOW STATUS LIKE 'Ssl_version'");
    expect(rows).toEqual([{ Variable_name: "Ssl_version", Value: expect.stringMatching(/^TLS/) }]);
  });
});

describe("a MariaDB of one's own", () => {
  it("is followed by position, promoted, and restarted with other settings", async () => {
    await using source = await startMysql("mariadb", { settings: { gtid_domain_id: "7" } });
    await using replica = await startMysqlReplica(source, { by: "position" });
    await source.query("CREATE TABLE kept AS SELECT 42 AS n");
    await replica.caughtUp();
    await replica.promote();
    await source.query("DROP TABLE kept");
    expect(await replica.query("SELECT n FROM kept")).toEqual([{ n: 42 }]);
    expect((await replica.binlogEnd()).gtids).toMatch(/^7-\d+-\d+$/);
    await replica.restart({ binlog_row_image: "NOBLOB" });
    const [row] = await replica.query(
      "SELECT @@binlog_row_image AS image, @@read_only AS ro, n FROM kept",
    );
    expect(row).toEqual({ image: "NOBLOB", ro: 1, n: 42 });
  });

  it("ends with its owner and takes its data along, even after SIGKILL", async () => {
    const program = fileURLToPath(new URL("own-mysql.fixture.ts", import.meta.url));
    const owner = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(owner.stdout, "data")) as [Buffer];
    const { dataDir } = JSON.parse(String(line)) as { dataDir: string };
    expect(existsSync(dataDir)).toBe(true);
    owner.kill("SIGKILL");
    await expect.poll(() => existsSync(dataDir), { timeout: 60_000 }).toBe(false);
  });

  it("knows users by the native password and by ed25519", async () => {
    await using shared = await sharedMysql("mariadb");
    const users = [
      await shared.createUser({ plugin: "mysql_native_password" }),
      await shared.createUser({ plugin: "ed25519" }),
    ];
    const plugins = await shared.query(
      "SELECT plugin FROM mysql.user WHERE user IN (?) ORDER BY 1",
      [users.map(({ user }) => user)],
    );
    expect(plugins).toEqual([{ plugin: "ed25519" }, { plugin: "mysql_native_password" }]);
  });
});

// Two more MySQL servers; MariaDB's above go the same way.
if (isFull) {
  describe("a MySQL without GTIDs", () => {
    const settings = { gtid_mode: "OFF", enforce_gtid_consistency: "OFF" };

    it("is followed by position, promoted, and restarted with other settings", async () => {
      await using source = await startMysql("mysql", { settings });
      await using replica = await startMysqlReplica(source, { by: "position", settings });
      await source.query("CREATE TABLE kept AS SELECT 42 AS n");
      await replica.caughtUp();
      await replica.promote();
      await source.query("DROP TABLE kept");
      expect((await source.binlogEnd()).gtids).toBe("");
      await replica.restart({ binlog_transaction_compression: "ON" });
      const [row] = await replica.query(
        "SELECT @@binlog_transaction_compression AS zip, n FROM kept",
      );
      expect(row).toEqual({ zip: 1, n: 42 });
    });
  });
}

describe("a server that the user names", () => {
  it("takes the place of the shared one", async () => {
    await using shared = await sharedMysql("mariadb");
    const { host, port, user, password, version } = shared;
    const found = await addressOfUsers("mariadb", { MILLRACE_TEST_MARIADB_URL: shared.url });
    expect(found).toEqual({ flavor: "mariadb", version, host, port, user, password });
    expect(await addressOfUsers("mariadb", {})).toBeUndefined();
    await expect(addressOfUsers("mysql", { MILLRACE_TEST_MYSQL_URL: shared.url })).rejects.toThrow(
      /MILLRACE_TEST_MYSQL_URL: it is 1\d.*MariaDB/,
    );
  });

  it("is refused with what it lacks", () => {
    const facts = { version: "8.4.0", log_bin: 0, format: "MIXED", metadata: "MINIMAL" };
    expect(whatIsWrong("mysql", facts)).toEqual([
      "log_bin must be ON",
      "binlog_format must be ROW",
      "binlog_row_metadata must be FULL",
    ]);
  });
});
