import { describe, expect, it } from "vitest";
import { dynamodbOptions } from "../dynamodb-source-options.ts";
import { parse, problemsOf, surroundings } from "./pipeline-file.fixture.ts";
import { ConfigError, formatNotice } from "./problem.ts";

const CLASS = "com.trustpilot.connector.dynamodb.DynamoDBSourceConnector";
const JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter";

const around = surroundings({ CONNECT_BOOTSTRAP_SERVERS: "kafka-1:9092,kafka-2:9092" });

/** As people send it to Connect's REST. */
const connector = (config: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(
    { name: "dynamodb-source", config: { "connector.class": CLASS, ...config } },
    null,
    2,
  );

/** The connector's documented options with their documented defaults. */
const DOCUMENTED = {
  "aws.region": "eu-west-1",
  "aws.access.key.id": "",
  "aws.secret.key": "",
  "dynamodb.table.env.tag.key": "environment",
  "dynamodb.table.env.tag.value": "dev",
  "dynamodb.table.ingestion.tag.key": "datalake-ingest",
  "dynamodb.table.whitelist": "",
  "dynamodb.service.endpoint": "",
  "kcl.table.billing.mode": "PROVISIONED",
  "resource.tagging.service.endpoint": "",
  "kafka.topic.prefix": "dynamodb-",
  "tasks.max": "1",
  "init.sync.delay.period": 60,
  "connect.dynamodb.rediscovery.period": "60000",
};

function errorOf(work: () => unknown): ConfigError {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("nothing is wrong");
}

describe("a connector's file of Kafka Connect", () => {
  it("is a pipeline from DynamoDB into Kafka, with the options that it has", () => {
    const { name, source, sink } = parse(connector(DOCUMENTED), around);
    expect(name).toBe("dynamodb-source");
    if (source.kind !== "dynamodb" || sink.kind !== "kafka") throw new Error(source.kind);
    const { connection, discovery, scan } = dynamodbOptions(source);
    expect(connection.credentials.keys).toBeNull();
    expect(discovery).toMatchObject({
      choice: { by: "tags", environmentValues: ["dev"] },
      periodMs: 60_000,
    });
    expect(scan.delayMs).toBe(60_000);
    expect(sink).toMatchObject({
      valueFormat: "dynamodb-envelope",
      topicPattern: "dynamodb-{table}",
      includeSchema: true,
      brokers: [
        { host: "kafka-1", port: 9092 },
        { host: "kafka-2", port: 9092 },
      ],
    });
  });

  it("says what has no meaning any more beside what is wrong, so that it is mended once", () => {
    const file = connector({
      ...DOCUMENTED,
      "kafka.topic.prefix": "",
      "init.sync.delay.period": "soon",
    });
    const thrown = errorOf(() => parse(file, around));
    expect(thrown.problems.map(({ path }) => path)).toEqual(["source.init.sync.delay.period"]);
    expect(thrown.notices.map(({ path }) => path)).toContain("tasks.max");
  });

  it("says of every option what it does not mean any more, and where it stands", () => {
    const notices = parse(connector(DOCUMENTED), around).notices.map(formatNotice);
    const told = (option: string) => notices.filter((notice) => notice.includes(` ${option}: `));
    for (const option of ["aws.access.key.id", "aws.secret.key", "dynamodb.table.whitelist"])
      expect(told(option)).toEqual([expect.stringContaining("is empty, and counts as left out")]);
    expect(told("tasks.max")).toEqual([
      expect.stringMatching(/^shop\.yaml:\d+:\d+: .*every table/),
    ]);
    expect(told("source.kcl.table.billing.mode")).toHaveLength(1);
    expect(told("value.converter")).toHaveLength(1);
  });

  it("may be the configuration alone, names its tables, and says how messages are written", () => {
    const config = {
      "connector.class": CLASS,
      name: "orders",
      "dynamodb.table.whitelist": "Orders, Lines",
      "dynamodb.table.env.tag.value": "prod",
      "key.converter": JSON_CONVERTER,
      "key.converter.schemas.enable": "false",
      "value.converter": JSON_CONVERTER,
      "value.converter.schemas.enable": "false",
      "kafka.topic.prefix": "lake-",
      "topic.creation.default.partitions": "3",
      "producer.override.bootstrap.servers": "broker:9093",
      "producer.override.compression.type": "zstd",
    };
    const { name, source, sink, notices } = parse(JSON.stringify(config), around);
    if (source.kind !== "dynamodb" || sink.kind !== "kafka") throw new Error(source.kind);
    expect(name).toBe("orders");
    expect(dynamodbOptions(source).discovery.choice).toEqual({
      by: "whitelist",
      tables: ["Orders", "Lines"],
    });
    expect(sink).toMatchObject({
      includeSchema: false,
      topicPattern: "lake-{table}",
      topicPartitions: 3,
      brokers: [{ host: "broker", port: 9093 }],
      compression: "zstd",
    });
    expect(notices.map(({ path }) => path)).toEqual(["dynamodb.table.env.tag.value"]);
  });

  it.each([
    [
      "another connector",
      { "connector.class": "io.debezium.connector.mysql.MySqlConnector" },
      "is no connector that is known",
    ],
    ["transforms", { transforms: "unwrap" }, "changes messages on their way"],
    [
      "another converter",
      { "value.converter": "io.confluent.connect.avro.AvroConverter" },
      "is not Connect's JSON converter",
    ],
    [
      "options that nobody knows",
      { "dynamodb.table.whitelst": "a" },
      "Did you mean dynamodb.table.whitelist?",
    ],
    ["half of the keys", { "aws.access.key.id": "AKIA1" }, "is given without aws.secret.key"],
  ])("is refused with %s", (_what, config, why) => {
    expect(problemsOf(connector(config), around).join("\n")).toContain(why);
  });

  it("asks for Kafka's brokers, which only the worker's file has", () => {
    const problems = problemsOf(connector({}), surroundings({}));
    expect(problems).toEqual([expect.stringContaining("Set CONNECT_BOOTSTRAP_SERVERS")]);
  });
});
