import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  mysqlFlavors,
  sharedMysql,
  type SharedMysql,
  startMysql,
} from "../../../../../test/support/mysql.ts";
import type { Finding } from "../../model/finding.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { tableId } from "../../model/table.ts";
import type { Observed } from "./finding-rule.ts";
import { MYSQL_SOURCE_DEFAULTS, type MysqlSourceOptions } from "./options.ts";
import { readerId } from "./reader-id.ts";
import { findings, validateMysql } from "./validate.ts";

const context = { pipeline: "test", clock: systemClock, random: Math.random, log: silentLogger };

interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

function optionsOf(
  { host, port, user, password }: Address,
  database: string,
  more: Partial<MysqlSourceOptions> = {},
): MysqlSourceOptions {
  return {
    ...MYSQL_SOURCE_DEFAULTS,
    hostname: host,
    port,
    username: user,
    password,
    matches: (schema) => schema === database,
    tablesText: `${database}.\\.*`,
    ...more,
  };
}

const said = (all: readonly Finding[], severity: Finding["severity"] = "error"): string[] =>
  all.filter((finding) => finding.severity === severity).map(({ what }) => what);
const remedies = (all: readonly Finding[]): string[] =>
  all.filter(({ severity }) => severity === "error").map(({ remedy }) => remedy);

describe.each(mysqlFlavors)("validate --connect of %s", (flavor) => {
  let server: SharedMysql;
  beforeAll(async () => {
    server = await sharedMysql(flavor);
    await server.query(
      "CREATE TABLE good (id INT PRIMARY KEY, v TEXT); CREATE VIEW derived AS SELECT 1 AS a; CREATE TABLE keyless (a INT)",
    );
  });
  afterAll(() => server.release());

  it("finds no error where all is well, and says what is special", async () => {
    const all = await validateMysql(optionsOf(server, server.database), context);
    expect(said(all)).toEqual([]);
    expect(said(all, "warning")).toContainEqual(
      `${server.database}.derived matches but is left out: it is a view: it has no rows of its own.`,
    );
    expect(said(all, "notice")).toContainEqual(
      expect.stringContaining(`${server.database}.keyless: It has no primary key`),
    );
    const severities = all.map(({ severity }) => ["error", "warning", "notice"].indexOf(severity));
    expect(severities).toEqual(severities.toSorted((a, b) => a - b));
  });

  it("calls every table that cannot be captured an error, with what would help", async () => {
    const odd = await sharedMysql(flavor);
    await odd.query("CREATE TABLE `old ``items` (id INT PRIMARY KEY) ENGINE = MyISAM");
    const all = await validateMysql(optionsOf(odd, odd.database), context);
    // As the server itself quotes names.
    const [remedy] = remedies(all);
    await odd.query(remedy?.split(", or ")[0] ?? "");
    expect(said(await validateMysql(optionsOf(odd, odd.database), context))).toEqual([]);
    await odd.query(
      "DROP TABLE `old ``items`; CREATE TABLE old (id INT PRIMARY KEY) ENGINE = MyISAM",
    );
    expect(said(await validateMysql(optionsOf(odd, odd.database), context))).toEqual([
      expect.stringMatching(/^source\.tables: matches .*\.old, which cannot be captured: .*MyISAM/),
    ]);
    const known = new Set([tableId(odd.database, "other")]);
    const later = await validateMysql(optionsOf(odd, odd.database), context, known);
    expect(said(later)).toEqual([]);
    await odd.release();
  });

  it("says beforehand where zero dates may become dead letters", async () => {
    const dated = await sharedMysql(flavor);
    await dated.query(
      "CREATE TABLE plain (id INT PRIMARY KEY, v TEXT); CREATE TABLE t (id INT PRIMARY KEY, d DATE)",
    );
    const toldOf = async (zeroDatesAreNull: boolean): Promise<string[]> => {
      const options = optionsOf(dated, dated.database, { values: { zeroDatesAreNull } });
      const all = said(await validateMysql(options, context), "notice");
      return all.filter((what) => what.includes("0000-00-00"));
    };
    // MySQL's default modes refuse them, MariaDB's do not.
    expect(await toldOf(false)).toEqual(
      flavor === "mysql"
        ? []
        : [
            `The server's sql_mode lets dates with a zero part in, such as 0000-00-00, and ${dated.database}.t has columns of dates.`,
          ],
    );
    expect(await toldOf(true)).toEqual([]);
    await dated.release();
  });

  it("says what text means at the source alone", async () => {
    await using odd = await sharedMysql(flavor);
    const told = async (): Promise<string[]> =>
      said(await validateMysql(optionsOf(odd, odd.database), context), "notice").filter((what) =>
        /collation|charset/.test(what),
      );
    await odd.query(`CREATE TABLE plain (id INT, k VARCHAR(9) COLLATE utf8mb4_bin, v TEXT COLLATE utf8mb4_general_ci,
      e ENUM('a') CHARACTER SET ascii, PRIMARY KEY (id, k))`);
    expect(await told()).toEqual([]);
    await odd.query(`CREATE TABLE loose (k VARCHAR(9) COLLATE utf8mb4_general_ci, n CHAR(3) CHARACTER SET ascii, PRIMARY KEY (k, n));
      CREATE TABLE old (id INT PRIMARY KEY, a TEXT CHARACTER SET latin1, b TEXT CHARACTER SET latin1, c CHAR(3) CHARACTER SET sjis)`);
    const { database } = odd;
    expect((await told()).toSorted()).toEqual([
      `By its collation the server holds several spellings of a key to be one, such as 'a' and 'A': ${database}.loose.k, ${database}.loose.n.`,
      `There is text in charsets other than Unicode: latin1 (as in ${database}.old.a), sjis (as in ${database}.old.c).`,
    ]);
  });

  it("says when there is nothing to read", async () => {
    const all = await validateMysql(
      optionsOf(server, server.database, { matches: () => false }),
      context,
    );
    expect(said(all)).toEqual([`source.tables: matches no table that ${server.user} can see.`]);
  });

  it("tells a user without rights which statements would help, and is content once they were run", async () => {
    const user = await server.createUser({ grants: "USAGE" });
    await server.query(`GRANT SELECT (id) ON good TO '${user.user}'@'%'`);
    const options = optionsOf({ ...server, ...user }, server.database, {
      matches: (schema, name) => schema === server.database && name === "good",
    });
    const all = await validateMysql(options, context);
    expect(said(all)).toEqual([
      expect.stringMatching(/may not ask where the log ends/),
      expect.stringMatching(/may not read the binary log/),
    ]);
    for (const remedy of remedies(all)) await server.query(remedy.replace(/;$/, ""));
    await server.query(`GRANT SELECT (v) ON good TO '${user.user}'@'%'`);
    expect(said(await validateMysql(options, context))).toEqual([]);
  });

  it("says that a table may not be read where the user sees it all the same", async () => {
    const user = await server.createUser({ grants: "REPLICATION SLAVE, REPLICATION CLIENT" });
    await server.query(`GRANT INSERT ON ${server.database}.* TO '${user.user}'@'%'`);
    const options = optionsOf({ ...server, ...user }, server.database, {
      matches: (schema, name) => schema === server.database && name === "good",
    });
    const all = await validateMysql(options, context);
    expect(said(all)).toEqual([`User ${user.user}@% may not read ${server.database}.good.`]);
    for (const remedy of remedies(all)) await server.query(remedy.replace(/;$/, ""));
    expect(said(await validateMysql(options, context))).toEqual([]);
  });

  it("says what a server is that cannot be reached or refuses the login", async () => {
    const wrong = optionsOf({ ...server, password: "wrong" }, server.database);
    const [finding] = await validateMysql(wrong, context);
    expect(finding).toMatchObject({
      severity: "error",
      code: "MR_SOURCE_REFUSED",
      option: "source.password",
      whatFollows: "Nothing else could be checked.",
    });
    const nowhere = optionsOf({ ...server, port: 1 }, server.database);
    expect(await validateMysql(nowhere, context)).toMatchObject([
      {
        severity: "error",
        code: "MR_SOURCE_LOST_CONNECTION",
        option: "source.port",
        remedy: "Start the server, or correct hostname and port.",
      },
    ]);
  });

  it("says that server-id is the server's own", async () => {
    const [row] = await server.query("SELECT @@server_id AS id");
    const id = Number(row?.["id"]);
    const options = optionsOf(server, server.database, { serverId: { from: id, to: id } });
    expect(said(await validateMysql(options, context))).toEqual([
      `server-id ${id} is the server's own.`,
    ]);
  });
});

describe.each(mysqlFlavors)("validate --connect of a badly set up %s", (flavor) => {
  it("says what settings keep the log from being read", async () => {
    await using server = await startMysql(flavor, {
      settings: {
        binlog_format: "MIXED",
        binlog_row_image: "MINIMAL",
        binlog_expire_logs_seconds: "3600",
        binlog_ignore_db: "left_out",
        ...(flavor === "mysql"
          ? { gtid_mode: "OFF", enforce_gtid_consistency: "OFF", binlog_row_metadata: "MINIMAL" }
          : { binlog_row_metadata: "NO_LOG" }),
      },
    });
    await server.query(
      "CREATE DATABASE left_out; CREATE TABLE left_out.t (id INT PRIMARY KEY); CREATE TABLE test.keyless (a INT)",
    );
    const options = optionsOf(server, "", {
      matches: (schema) => schema === "left_out" || schema === "test",
    });
    const all = await validateMysql(options, context);
    expect(said(all)).toEqual([
      "binlog_format is MIXED.",
      "The server does not log changes of left_out (binlog_do_db, binlog_ignore_db).",
      "binlog_row_image is MINIMAL, and these tables have no primary key: test.keyless.",
    ]);
    expect(said(all, "warning")).toContain("The server keeps its binary log for 60 min.");
    expect(said(all, "notice")).toContainEqual(
      expect.stringMatching(/^binlog_row_metadata is (MINIMAL|NO_LOG)\.$/),
    );
    if (flavor === "mysql") expect(said(all, "notice")).toContain("gtid_mode is not ON.");
    await server.query("SET GLOBAL binlog_format = 'ROW'");
    await server.query(
      "DROP DATABASE left_out; DROP TABLE test.keyless; CREATE TABLE test.t (id INT PRIMARY KEY)",
    );
    const after = await validateMysql(options, context);
    expect(said(after)).toEqual([]);
    expect(said(after, "warning")).toContain("binlog_row_image is MINIMAL.");
    await server.restart({ skip_log_bin: "1" });
    expect(said(await validateMysql(options, context))).toEqual([
      "The server writes no binary log.",
    ]);
  });
});

describe.each(mysqlFlavors)("validate --connect of %s whose log begins later", (flavor) => {
  it("says which of the places that a file may name it has no more, or never had", async () => {
    await using server = await startMysql(flavor);
    await server.query(
      "CREATE DATABASE begins; CREATE TABLE begins.t (id INT PRIMARY KEY); INSERT INTO begins.t VALUES (1)",
    );
    const before = await server.binlogEnd();
    await server.query("INSERT INTO begins.t VALUES (2); FLUSH BINARY LOGS");
    const now = await server.binlogEnd();
    await server.query("INSERT INTO begins.t VALUES (3)");
    // MariaDB keeps a file until its engine has made a checkpoint of it.
    const oldest = async (): Promise<unknown> => {
      await server.query(`PURGE BINARY LOGS TO '${now.file}'`);
      return (await server.query("SHOW BINARY LOGS"))[0]?.["Log_name"];
    };
    await expect.poll(oldest, { timeout: 60_000 }).toBe(now.file);
    const asked = async (startup: MysqlSourceOptions["startup"]) =>
      said(await validateMysql(optionsOf(server, "begins", { startup }), context));
    const mode = "specific-offset";
    expect(await asked({ mode, gtidSet: now.gtids })).toEqual([]);
    expect(await asked({ mode, file: now.file, pos: now.position })).toEqual([]);
    const gone = /scan\.startup\.mode is specific-offset, but the server no longer has all.*purged/;
    expect(await asked({ mode, gtidSet: before.gtids })).toEqual([expect.stringMatching(gone)]);
    expect(await asked({ mode, file: before.file, pos: before.position })).toEqual([
      expect.stringMatching(/the server has no file .*: it has been purged, or never was/),
    ]);
    const others = flavor === "mysql" ? "0-1-7" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7";
    expect(await asked({ mode, gtidSet: others })).toEqual([
      expect.stringMatching(/is no set of GTIDs of/),
    ]);
    // A pipeline that has begun goes on from where it stands.
    const options = optionsOf(server, "begins", { startup: { mode, gtidSet: before.gtids } });
    const known = new Set([tableId("begins", "t")]);
    expect(said(await validateMysql(options, context, known))).toEqual([]);
  });
});

describe("findings", () => {
  const good: Observed = {
    options: optionsOf({ host: "db", port: 3306, user: "m", password: "" }, "shop"),
    server: {
      version: { flavor: "mysql", major: 8, minor: 4, text: "8.4.3" },
      user: "m@%",
      provider: null,
      serverId: 1,
      logs: true,
      format: "ROW",
      rowImage: "FULL",
      rowMetadata: "FULL",
      partialJson: false,
      hasGtids: true,
      keptSeconds: 2_592_000,
      rdsKeptHours: null,
      loggedDatabases: [],
      unloggedDatabases: [],
      hidesReplicated: false,
      logsCascades: false,
      namesAreLowerCase: false,
      takesZeroDates: false,
      encrypted: true,
      clockAheadSeconds: 0,
      privileges: new Set(["REPLICATION SLAVE", "REPLICATION CLIENT"]),
      reads: { isGlobal: true, databases: [], withheld: [] },
      prepared: [],
      readers: [],
    },
    discovery: { tables: [], refused: [], views: [], unmatched: () => [] },
    ids: [readerId("test", { from: 5, to: 5 }, 0)],
    tableBytes: 0,
    known: null,
    unreadable: [],
    looseKeys: [],
    refusedLog: null,
    noPlace: null,
  };
  const withServer = (more: Partial<Observed["server"]>): string[] =>
    findings({ ...good, server: { ...good.server, ...more } }).map(
      ({ severity, what }) => `${severity}: ${what}`,
    );

  it.each([
    [
      { version: { flavor: "mysql", major: 5, minor: 7, text: "5.7.44" } },
      "error: The server is MySQL 5.7.44.",
    ],
    [
      { version: { flavor: "mariadb", major: 10, minor: 5, text: "10.5.9-MariaDB" } },
      "error: The server is MariaDB 10.5.9-MariaDB.",
    ],
    [
      { version: { flavor: "mysql", major: 10, minor: 0, text: "10.0.1" } },
      "warning: The server is MySQL 10.0.1.",
    ],
    [{ encrypted: false }, "warning: The connection is not encrypted."],
    [{ clockAheadSeconds: -300 }, "warning: The server's clock is 300 s behind this machine's."],
    [{ hidesReplicated: true }, "error: The server is a replica, and log_replica_updates is OFF."],
    [{ partialJson: true }, "notice: binlog_row_value_options is PARTIAL_JSON."],
    [
      { provider: "rds", rdsKeptHours: 0 },
      "error: RDS is not told to keep the binary log ('binlog retention hours' is not set).",
    ],
    [
      { provider: "rds", rdsKeptHours: 12 },
      "warning: The server keeps its binary log for 12 hours.",
    ],
    [{ provider: "azure", keptSeconds: null }, "error: binlog_expire_logs_seconds is 0."],
    [{ keptSeconds: null }, "notice: The server never deletes its binary log by itself."],
    [{ prepared: ["X'78',X'',1"] }, "warning: XA transactions are prepared: X'78',X'',1."],
    [{ prepared: null }, "notice: m@% may not see which XA transactions are prepared."],
    [{ hasGtids: false }, "warning: User m@% has no RELOAD, and gtid_mode is not ON."],
    [
      { readers: [{ serverId: 5, host: "replica.internal", uuid: "other" }] },
      "error: server-id 5 has another reader or replica, at replica.internal.",
    ],
  ] satisfies [Partial<Observed["server"]>, string][])("says of %j: %s", (more, what) => {
    expect(withServer(more)).toContain(what);
    expect(withServer({})).not.toContain(what);
  });

  it("warns of plain text where it leaves this machine, with a mode that an address can have", () => {
    const plain = (hostname: string) =>
      findings({
        ...good,
        options: { ...good.options, hostname },
        server: { ...good.server, encrypted: false },
      })
        .filter(({ what }) => what === "The connection is not encrypted.")
        .map(({ remedy }) => /ssl-mode to ([\w-]+)/.exec(remedy)?.[1]);
    expect(["localhost", "127.0.0.1", "db.internal", "10.0.0.7"].map(plain)).toEqual([
      [],
      [],
      ["verify-full"],
      ["verify-ca"],
    ]);
  });

  it("holds a reader that is this pipeline itself for no clash, nor one of a range that has others", () => {
    const [own] = good.ids;
    const self = { serverId: 5, host: "", uuid: own?.uuid ?? "" };
    expect(withServer({ readers: [self] })).toEqual(withServer({}));
    const range = { from: 5, to: 6 };
    const ids = [readerId("test", range, 0), readerId("test", range, 1)];
    const readers = [{ serverId: 5, host: "", uuid: "other" }];
    const all = findings({ ...good, ids, server: { ...good.server, readers } });
    expect(said(all).filter((what) => what.startsWith("server-id"))).toEqual([]);
  });

  it("warns where the log is kept for less than twice what the load may take", () => {
    const told = (tableBytes: number, known: Observed["known"] = null): string[] =>
      said(findings({ ...good, tableBytes, known }), "warning");
    expect(told(20e12)).toEqual([
      "The tables hold about 19000 GiB, and the server keeps its binary log for 30 days.",
    ]);
    expect([told(10e9), told(20e12, new Set())]).toEqual([[], []]);
  });

  it("warns of capitals in a pattern where names are kept in lower case", () => {
    const server = { ...good.server, namesAreLowerCase: true };
    const told = (tablesText: string): string[] =>
      said(findings({ ...good, server, options: { ...good.options, tablesText } }), "warning");
    expect(told("Shop.\\.*")).toEqual([expect.stringContaining("lower_case_table_names = 1")]);
    expect(told("shop.\\S+")).toEqual([]);
  });

  it.each([
    ["rds", "In the parameter group (Aurora: of the cluster) set binlog_format = ROW"],
    ["cloudsql", "Set the instance's flag binlog_format = ROW"],
    ["azure", "Set the server parameter binlog_format = ROW"],
    [null, "SET GLOBAL binlog_format = 'ROW'"],
  ] as const)("says how a setting is made at %s", (provider, remedy) => {
    const server = { ...good.server, provider, format: "MIXED" };
    expect(remedies(findings({ ...good, server })).join(" ")).toContain(remedy);
  });
});
