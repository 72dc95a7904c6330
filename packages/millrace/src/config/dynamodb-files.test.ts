import { describe, expect, it } from "vitest";
import { dynamodbOptions } from "../dynamodb-source-options.ts";
import { parse, problemsOf } from "./pipeline-file.fixture.ts";
import type { DynamodbSourceConfig } from "./pipeline-config.ts";
import { formatNotice } from "./problem.ts";

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
  const { source } = parse(text);
  if (source.kind !== "dynamodb") throw new Error(`the source is ${source.kind}`);
  return source;
}

const optionsOf = (...lines: readonly string[]) => dynamodbOptions(sourceOf(fileWith(...lines)));
const wrong = (...lines: readonly string[]) => problemsOf(fileWith(...lines));

describe("a pipeline file with a DynamoDB source", () => {
  it("has the seed's names and defaults", () => {
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
