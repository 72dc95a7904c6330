import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { pipelineJsonSchema } from "./json-schema.ts";
import { MYSQL_FILE, mysqlFileWith, parse, problemsOf } from "./pipeline-file.fixture.ts";
import { formatNotice } from "./problem.ts";

const noticesOf = (file: string): string[] => parse(file).notices.map(formatNotice);
const schema = z.fromJSONSchema(pipelineJsonSchema());

describe("a pipeline file with a MySQL source", () => {
  it("becomes a pipeline with every default filled in", () => {
    const { source, settings } = parse(MYSQL_FILE);
    if (source.kind !== "mysql") throw new Error(`the source is ${source.kind}`);
    const { password, ...rest } = source;
    expect(password?.reveal()).toBe("geheim");
    expect(rest).toEqual({
      kind: "mysql",
      hostname: "db.internal",
      port: 3306,
      username: "millrace",
      useIamAuth: false,
      region: null,
      iamRole: null,
      database: null,
      tables: "shop.\\.*",
      tablesExclude: null,
      serverId: null,
      schemaChangeEnabled: true,
      onlineSchemaChanges: false,
      unloggedCascades: "refuse",
      ignoredDatabases: null,
      startupMode: "initial",
      startup: { mode: "initial" },
      chunkRows: 8096,
      snapshotParallelism: null,
      backfillSkip: false,
      heartbeatIntervalMs: 30_000,
      connectTimeoutMs: 30_000,
      readTimeoutMs: 120_000,
      statementTimeoutMs: 1_800_000,
      lockTimeoutMs: 30_000,
      maxRowsPerSecond: null,
      maxBytesPerSecond: null,
      loadGivesWay: true,
      tinyint1AsBoolean: false,
      timeAsInterval: false,
      geometry: "geojson",
      zeroDates: "dead-letter",
      onLoss: "fail",
      tls: { mode: "require", caFile: null, certFile: null, keyFile: null },
    });
    expect(settings).toMatchObject({
      fullLoad: true,
      maxRetainedBytes: null,
      maxRetainedAction: "warn",
    });
    expect(noticesOf(MYSQL_FILE)).toEqual([]);
  });

  it.each([
    [["scan.startup.mode: EARLIEST_OFFSET"], { mode: "earliest-offset" }],
    [["scan.startup.mode: latest-offset"], { mode: "latest-offset" }],
    [
      [
        "scan.startup.mode: specific-offset",
        "scan.startup.specific-offset.file: mysql-bin.000012",
        "scan.startup.specific-offset.pos: 5000000000",
      ],
      { mode: "specific-offset", file: "mysql-bin.000012", pos: 5_000_000_000 },
    ],
    [
      ["scan.startup.mode: specific-offset", "scan.startup.specific-offset.file: binlog.000001"],
      { mode: "specific-offset", file: "binlog.000001", pos: 4 },
    ],
    [
      [
        "scan.startup.mode: specific-offset",
        'scan.startup.specific-offset.gtid-set: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77:nightly:1-3, 3e11fa47-71ca-11e1-9e33-c80aa9429563:5"',
      ],
      {
        mode: "specific-offset",
        gtidSet:
          "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77:nightly:1-3,3e11fa47-71ca-11e1-9e33-c80aa9429563:5",
      },
    ],
    [
      ["scan.startup.mode: timestamp", "scan.startup.timestamp-millis: 1700000000000"],
      { mode: "timestamp", timestampMs: 1_700_000_000_000 },
    ],
  ])("begins its log as %j says, without a load", (lines, startup) => {
    const { source, settings } = parse(mysqlFileWith(...lines));
    expect(source).toMatchObject({ startup });
    expect(settings.fullLoad).toBe(false);
  });

  it("loads as from a beginning where it is to be a snapshot", () => {
    const { source, settings } = parse(mysqlFileWith("scan.startup.mode: snapshot"));
    expect(source).toMatchObject({ startup: { mode: "initial" } });
    expect(settings.fullLoad).toBe(true);
  });

  it.each(["10.0.0.7", '"fe80::1"'])(
    "refuses the address %s where the name is to be proven",
    (address) => {
      const file = mysqlFileWith("ssl-mode: verify-full").replace("db.internal", address);
      expect(problemsOf(file)).toEqual([
        expect.stringMatching(
          /^shop\.yaml:4:\d+: source\.hostname: is an IP address.*Write the server's name, or ssl-mode: verify-ca\.$/,
        ),
      ]);
      expect(problemsOf(file.replace("verify-full", "verify-ca"))).toEqual([]);
    },
  );

  it.each([
    ["5400", { from: 5400, to: 5400 }],
    ["5400-5404", { from: 5400, to: 5404 }],
  ])("takes %s as server-id", (text, serverId) => {
    expect(parse(mysqlFileWith(`server-id: ${text}`)).source).toMatchObject({ serverId });
  });

  it("takes Flink CDC's keys that do nothing, and says so, with what else would differ there", () => {
    const file = mysqlFileWith(
      "server-time-zone: Europe/Berlin",
      "scan.incremental.snapshot.chunk.key-column: id",
      "jdbc.properties.useSSL: false",
    );
    expect(noticesOf(file)).toEqual([
      expect.stringContaining(
        "not given: source.treat-tinyint1-as-boolean.enabled, pipeline.schema.change.behavior.",
      ),
      "shop.yaml:3:3: source.server-time-zone: has no meaning here: TIMESTAMP is read in UTC and DATETIME as it stands, whatever the server's zone is.",
      "shop.yaml:4:3: source.scan.incremental.snapshot.chunk.key-column: has no meaning here: chunk bounds come from the key itself.",
      "shop.yaml:5:3: source.jdbc.properties.useSSL: has no meaning here: JDBC is not part of Millrace; see ssl-mode and connect.timeout.",
    ]);
    expect(schema.safeParse(parseYaml(file)).success).toBe(true);
  });

  it.each([
    [
      ["tables.exclude: audit"],
      "shop.yaml:3:19: source.tables.exclude: the pattern has 1 part instead of 2 (at character 1). A plain dot separates the parts of a name; write `\\.` where you mean any character, `\\\\.` where you mean a dot in a name.",
    ],
    [
      ["server-id: 7-3"],
      'shop.yaml:3:14: source.server-id: "7-3" ends before it begins. Write a number from 1 to 4294967295, or two with a hyphen between them, e.g. server-id: 5400-5404.',
    ],
    [
      ["server-id: 0"],
      'shop.yaml:3:14: source.server-id: "0" is out of range. Write a number from 1 to 4294967295, or two with a hyphen between them, e.g. server-id: 5400-5404.',
    ],
    [
      ["scan.startup.mode: specific-offset"],
      "shop.yaml:3:22: source.scan.startup.mode: is specific-offset, but the offset is missing. Write scan.startup.specific-offset.file with scan.startup.specific-offset.pos, or scan.startup.specific-offset.gtid-set.",
    ],
    [
      ["scan.startup.mode: specific-offset", "scan.startup.specific-offset.gtid-set: nonsense"],
      'shop.yaml:4:42: source.scan.startup.specific-offset.gtid-set: "nonsense" is not a set of GTIDs. Write what gtid_executed (MariaDB: gtid_binlog_pos) was, e.g. scan.startup.specific-offset.gtid-set: 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77.',
    ],
    [
      ["scan.startup.mode: timestamp"],
      "shop.yaml:3:22: source.scan.startup.mode: is timestamp, but the moment is missing. Write scan.startup.timestamp-millis.",
    ],
    [
      ["scan.startup.timestamp-millis: 5"],
      "shop.yaml:3:34: source.scan.startup.timestamp-millis: is given, but scan.startup.mode is initial. Write scan.startup.mode: timestamp, or take it out.",
    ],
    [
      ["scan.startup.specific-offset.skip-rows: 3"],
      "shop.yaml:3:3: source.scan.startup.specific-offset.skip-rows: has no place here. Take it out: a log is begun where a transaction begins; name that place by file and pos, or by gtid-set.",
    ],
    [
      ["slot.max-retained: 5gb"],
      "shop.yaml:3:3: source.slot.max-retained: has no place here. Take it out: MySQL keeps its log for a time (binlog_expire_logs_seconds), not for a reader.",
    ],
    [
      ["iam-role: arn:aws:iam::123456789012:role/reader"],
      "shop.yaml:3:13: source.iam-role: is given without IAM. Write use-iam-auth: true, or take it out.",
    ],
    [
      ["zero-dates: nil"],
      'shop.yaml:3:15: source.zero-dates: "nil" is not one of its values. Write one of dead-letter, as-null, e.g. zero-dates: as-null.',
    ],
  ])("names place, reason and remedy for %j", (lines, problem) => {
    expect(problemsOf(mysqlFileWith(...lines))).toEqual([problem]);
  });

  it("lets a file and a set of GTIDs not stand together", () => {
    const file = mysqlFileWith(
      "scan.startup.mode: specific-offset",
      "scan.startup.specific-offset.file: binlog.000001",
      "scan.startup.specific-offset.gtid-set: 0-1-7",
    );
    expect(problemsOf(file)).toEqual([
      "shop.yaml:4:38: source.scan.startup.specific-offset.file: cannot stand together with scan.startup.specific-offset.gtid-set. Keep one of the two.",
    ]);
  });

  it("refuses a start in the log together with a full load", () => {
    const file = mysqlFileWith("scan.startup.mode: earliest-offset").replace(
      "type: dsql",
      "type: dsql\n  enable-full-load: true",
    );
    expect(problemsOf(file)).toEqual([
      "shop.yaml:3:22: source.scan.startup.mode: is earliest-offset, but sink.enable-full-load is true. Take out one of the two.",
    ]);
  });

  it("is called mysql for MariaDB too", () => {
    expect(problemsOf(MYSQL_FILE.replace("type: mysql", "type: mariadb"))).toEqual([
      'shop.yaml:2:9: source.type: "mariadb" is not a source that this version has. Did you mean mysql?',
    ]);
  });

  it("tells names of three parts that belong to PostgreSQL", () => {
    expect(problemsOf(MYSQL_FILE.replace("tables: shop.", "tables: shop.public."))).toEqual([
      expect.stringContaining("the pattern has 3 parts instead of 2"),
    ]);
  });
});
