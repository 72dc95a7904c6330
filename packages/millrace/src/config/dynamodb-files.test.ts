import { describe, expect, it } from "vitest";
import { dynamodbOptions } from "../dynamodb-source-options.ts";
import { DYNAMODB_SOURCE_OPTIONS } from "./options/dynamodb-source-options.ts";
import { parse, problemsOf, surroundings } from "./pipeline-file.fixture.ts";
import type { DynamodbSourceConfig } from "./pipeline-config.ts";
import { formatNotice } from "./problem.ts";

const TOKEN = "/run/token";
const FILE = `source:
  type: dynamodb
sink:
  type: postgres
  host: 127.0.0.1
  username: millrace
  database: shop
pipeline:
  name: shop
`;

const fileWith = (...lines: readonly string[]): string =>
  FILE.replace(
    "  type: dynamodb\n",
    () => `  type: dynamodb\n${lines.map((line) => `  ${line}\n`).join("")}`,
  );

function sourceOf(text: string): DynamodbSourceConfig {
  const { source } = parse(text, surroundings({}, { [TOKEN]: "token" }));
  if (source.kind !== "dynamodb") throw new Error(`the source is ${source.kind}`);
  return source;
}

const optionsOf = (...lines: readonly string[]) => dynamodbOptions(sourceOf(fileWith(...lines)));
const wrong = (...lines: readonly string[]) => problemsOf(fileWith(...lines));

const KEYS = ["aws.access.key.id: k", "aws.secret.key: s"];
const ROLE = "iam-role: arn:aws:iam::123456789012:role/reader";
const HOUR_MS = 3_600_000;

/** Each option by itself, with what it needs beside it, and what of the normalised options it becomes. */
const EACH: readonly (readonly [
  option: string,
  value: string,
  becomes: object,
  beside?: readonly string[],
])[] = [
  ["aws.region", "us-west-2", { connection: { region: "us-west-2" } }],
  [
    "aws.access.key.id",
    "k",
    { connection: { credentials: { keys: { accessKeyId: "k" } } } },
    ["aws.secret.key: s"],
  ],
  [
    "aws.secret.key",
    "s",
    { connection: { credentials: { keys: { secretAccessKey: "s" } } } },
    ["aws.access.key.id: k"],
  ],
  [
    "aws.session.token",
    "t",
    { connection: { credentials: { keys: { sessionToken: "t" } } } },
    KEYS,
  ],
  ["aws.profile", "shop", { connection: { credentials: { profile: "shop" } } }],
  [
    "iam-role",
    "arn:aws:iam::123456789012:role/r",
    { connection: { credentials: { role: { arn: "arn:aws:iam::123456789012:role/r" } } } },
  ],
  [
    "iam-role.external-id",
    "ours",
    { connection: { credentials: { role: { externalId: "ours" } } } },
    [ROLE],
  ],
  [
    "iam-role.session-name",
    "me",
    { connection: { credentials: { role: { sessionName: "me" } } } },
    [ROLE],
  ],
  [
    "web-identity.token-file",
    TOKEN,
    { connection: { credentials: { webIdentityTokenFile: TOKEN } } },
    [ROLE],
  ],
  ["endpoint", "http://all", { connection: { endpoints: { sts: "http://all" } } }],
  [
    "dynamodb.service.endpoint",
    "http://db",
    { connection: { endpoints: { dynamodb: "http://db" } } },
  ],
  [
    "dynamodb.streams.service.endpoint",
    "http://st",
    { connection: { endpoints: { dynamodb: null, streams: "http://st" } } },
  ],
  [
    "resource.tagging.service.endpoint",
    "http://tags",
    { connection: { endpoints: { tagging: "http://tags" } } },
  ],
  ["sts.service.endpoint", "http://sts", { connection: { endpoints: { sts: "http://sts" } } }],
  ["connect.timeout", "3s", { connection: { connectTimeoutMs: 3_000 } }],
  ["read.timeout", "4s", { connection: { readTimeoutMs: 4_000 } }],
  ["dynamodb.table.ingestion.tag.key", "in", { discovery: { choice: { ingestionKey: "in" } } }],
  ["dynamodb.table.env.tag.key", "env", { discovery: { choice: { environmentKey: "env" } } }],
  [
    "dynamodb.table.env.tag.value",
    "a, b",
    { discovery: { choice: { environmentValues: ["a", "b"] } } },
  ],
  [
    "dynamodb.table.whitelist",
    "abc,def",
    { discovery: { choice: { by: "whitelist", tables: ["abc", "def"] } } },
  ],
  ["stream.both-images", "true", { discovery: { bothImages: true } }],
  ["connect.dynamodb.rediscovery.period", "5000", { discovery: { periodMs: 5_000 } }],
  ["discovery.grace", "1min", { discovery: { graceMs: 60_000 } }],
  ["init.sync.delay.period", "5", { scan: { delayMs: 5_000 } }],
  ["init.sync.segments", "7", { scan: { segments: 7 } }],
  ["init.sync.consistent.reads", "false", { scan: { consistent: false } }],
  ["init.sync.read-capacity.share", "25%", { scan: { capacityShare: 0.25 } }],
  ["init.sync.max-read-units", "500", { scan: { maxUnits: 500 } }],
  ["init.sync.restart.after", "10h", { scan: { restartAfterMs: 10 * HOUR_MS } }],
  ["scan.startup.mode", "latest-offset", { startup: { mode: "latest-offset" } }],
  [
    "scan.startup.timestamp-millis",
    "1700000000000",
    { startup: { timestampMs: 1_700_000_000_000 } },
    ["scan.startup.mode: timestamp"],
  ],
  ["stream.read.interval", "0s", { stream: { readEveryMs: 0 } }],
  ["stream.idle.poll.interval", "9s", { stream: { idlePollMs: 9_000 } }],
  ["stream.shards.discovery.interval", "2min", { stream: { shardDiscoveryMs: 120_000 } }],
  ["stream.init-sync.overlap", "30min", { stream: { overlapMs: HOUR_MS / 2 } }],
  ["stream.safe-zone", "21h", { stream: { safeZoneMs: 21 * HOUR_MS } }],
  ["on-loss", "continue", { onLoss: "continue" }],
  ["columns.sample.items", "50", { columns: { sampleItems: 50 } }],
  ["columns.sample.share", "30%", { columns: { sampleShare: 0.3 } }],
  ["document.column", "rest", { columns: { document: { column: "rest" } } }],
  ["document.format", "dynamodb", { columns: { document: { form: "dynamodb" } } }],
  ["document.content", "whole", { columns: { document: { holds: "whole" } } }],
];

const each = EACH.map(([option, value, becomes, beside = []]) => ({
  option,
  value,
  becomes,
  beside,
}));

/** What settles how the engine loads, of any source. */
const OF_THE_LOAD = [
  ["scan.snapshot.parallelism", "3", { snapshotParallelism: 3 }],
  ["scan.snapshot.max-rows-per-second", "20", { maxRowsPerSecond: 20 }],
  ["scan.snapshot.max-bytes-per-second", "2mb", { maxBytesPerSecond: 2_097_152 }],
  ["scan.snapshot.give-way", "false", { loadGivesWay: false }],
] as const;

describe("a pipeline file with a DynamoDB source", () => {
  it.each(each)("hands on $option", ({ option, value, becomes, beside }) => {
    expect(optionsOf(...beside, `${option}: ${value}`)).toMatchObject(becomes);
    // It is not what there is anyway.
    const needed = beside.filter((line) => !line.startsWith("aws."));
    if (option !== "scan.startup.timestamp-millis")
      expect(optionsOf(...needed)).not.toMatchObject(becomes);
  });

  it.each(OF_THE_LOAD)("settles the load by %s", (option, value, becomes) => {
    expect(parse(fileWith(`${option}: ${value}`)).settings).toMatchObject(becomes);
  });

  it("hands on every option that there is", () => {
    const elsewhere = ["columns", "kcl.table.billing.mode"];
    const tried = [...EACH, ...OF_THE_LOAD].map(([option]) => option);
    const all = Object.values(DYNAMODB_SOURCE_OPTIONS).map(({ name }) => name);
    expect(all.toSorted()).toEqual([...tried, ...elsewhere].toSorted());
    expect(optionsOf("columns: 'orders: customer text'").columns.rules).toHaveLength(1);
  });

  it("has the names and defaults of Trustpilot's connector", () => {
    const { connection, discovery, scan, stream, startup, onLoss } = optionsOf();
    expect(connection).toMatchObject({
      region: "eu-west-1",
      endpoints: { dynamodb: null, streams: null, tagging: null, sts: null },
      credentials: { keys: null, profile: null, role: null },
    });
    expect(discovery).toEqual({
      choice: {
        by: "tags",
        ingestionKey: "datalake-ingest",
        environmentKey: "environment",
        environmentValues: ["dev"],
      },
      periodMs: 60_000,
      graceMs: 600_000,
      bothImages: false,
    });
    expect(scan).toEqual({
      delayMs: 60_000,
      segments: null,
      consistent: true,
      capacityShare: 0.5,
      maxUnits: null,
      restartAfterMs: 19 * 3_600_000,
    });
    expect(stream).toMatchObject({ overlapMs: 3_600_000, safeZoneMs: 20 * 3_600_000 });
    expect([startup, onLoss]).toEqual([{ mode: "initial" }, "resync"]);
    expect(parse(FILE).settings).toMatchObject({ fullLoad: true, onLoss: "resync" });
  });

  it("makes rows of columns for tables, and whole items for messages", () => {
    const kafka = FILE.replace(/sink:[^]*?pipeline/, () =>
      ["sink:", "  type: kafka", "  properties.bootstrap.servers: 127.0.0.1:9092", "pipeline"].join(
        "\n",
      ),
    );
    expect(optionsOf().columns).toMatchObject({
      sampleItems: 1_000,
      document: { form: "plain", holds: "rest" },
    });
    expect(dynamodbOptions(sourceOf(kafka)).columns).toMatchObject({
      sampleItems: 0,
      document: { form: "dynamodb", holds: "whole" },
    });
    const strict = `${FILE}  schema.change.behavior: exception\n`;
    expect(dynamodbOptions(sourceOf(strict)).columns.misfits).toBe("refuse");
  });

  it("reaches every service at one endpoint, and each at its own", () => {
    const local = "http://127.0.0.1:8000";
    expect(optionsOf(`endpoint: ${local}`).connection.endpoints).toEqual({
      dynamodb: local,
      streams: local,
      tagging: local,
      sts: local,
    });
    const own = optionsOf(
      `dynamodb.service.endpoint: ${local}`,
      `resource.tagging.service.endpoint: http://tags`,
    );
    expect(own.connection.endpoints).toEqual({
      dynamodb: local,
      streams: local,
      tagging: "http://tags",
      sts: null,
    });
    const aws = "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com";
    expect(optionsOf(`dynamodb.service.endpoint: ${aws}`).connection.endpoints).toMatchObject({
      dynamodb: aws,
      streams: null,
    });
  });

  it("keeps its keys to itself", () => {
    const source = sourceOf(
      fileWith("aws.access.key.id: AKIA1", "aws.secret.key: geheim", "aws.session.token: t0ken"),
    );
    expect(JSON.stringify(source)).not.toMatch(/AKIA1|geheim|t0ken/);
    expect(dynamodbOptions(source).connection.credentials.keys).toEqual({
      accessKeyId: "AKIA1",
      secretAccessKey: "geheim",
      sessionToken: "t0ken",
    });
  });

  it("assumes a role under a name that CloudTrail can show", () => {
    const role = "iam-role: arn:aws:iam::123456789012:role/reader";
    expect(optionsOf(role, "iam-role.external-id: ours").connection.credentials.role).toEqual({
      arn: "arn:aws:iam::123456789012:role/reader",
      externalId: "ours",
      sessionName: "millrace-shop",
    });
  });

  it("goes on by itself where a loss is to be passed by: the engine never hears of one", () => {
    const { settings } = parse(fileWith("on-loss: continue"));
    expect(settings.onLoss).toBe("fail");
    expect(optionsOf("on-loss: continue").onLoss).toBe("continue");
  });

  it.each([
    [
      "an empty whitelist, which would read nothing",
      ['dynamodb.table.whitelist: ""'],
      "no table would be read",
    ],
    ["a whitelist of commas", ['dynamodb.table.whitelist: " , "'], "no table would be read"],
    ["names that no table has", ["dynamodb.table.whitelist: a/b"], "no table's name"],
    [
      "names beside tags",
      ["dynamodb.table.whitelist: abc", "dynamodb.table.env.tag.value: dev"],
      "cannot stand together",
    ],
    ["empty keys", ['aws.access.key.id: ""', 'aws.secret.key: ""'], "is empty"],
    ["half of the keys", ["aws.access.key.id: AKIA1"], "is given without aws.secret.key"],
    [
      "keys beside a profile",
      ["aws.access.key.id: a", "aws.secret.key: b", "aws.profile: c"],
      "cannot stand together",
    ],
    ["an external id for no role", ["iam-role.external-id: x"], "is given without iam-role"],
    [
      "an endpoint with a login",
      ["endpoint: http://a:b@host"],
      "is not an http: or https: address",
    ],
    [
      "a period in another unit",
      ["connect.dynamodb.rediscovery.period: 60s"],
      "is not a whole number",
    ],
    [
      "a time of start for no such start",
      ["scan.startup.timestamp-millis: 5"],
      "scan.startup.mode is initial",
    ],
    [
      "windows that leave a gap",
      ["stream.safe-zone: 19h"],
      "are more than stream.safe-zone together",
    ],
    ["patterns of tables", ["tables: a.b"], "has no place here"],
  ])("refuses %s", (_what, lines, why) => {
    expect(wrong(...lines).join("\n")).toContain(why);
  });

  it("says what a file gives up by itself", () => {
    const notices = parse(
      fileWith(
        "init.sync.consistent.reads: false",
        "kcl.table.billing.mode: PAY_PER_REQUEST",
        "stream.safe-zone: 24h",
      ),
    ).notices.map(formatNotice);
    expect(notices).toHaveLength(3);
    expect(notices.join("\n")).toMatch(
      /may stay older[^]*trims streams|trims streams[^]*may stay older/,
    );
  });
});
