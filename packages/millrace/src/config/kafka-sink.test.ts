import { describe, expect, it } from "vitest";
import { parseConfigText, surroundingsOf } from "./load.ts";
import type { KafkaSinkConfig } from "./pipeline-config.ts";
import { ConfigError, formatProblem } from "./problem.ts";

const BROKERS = "properties.bootstrap.servers: k1:9092, [::1]:9093";

const AVRO = ["value.format: avro", "schema.registry.url: http://r:8081"];

function load(...lines: readonly string[]): KafkaSinkConfig {
  const text = [
    "source:",
    "  type: postgres",
    "  hostname: db",
    "  username: u",
    "  tables: shop.public.t",
    "sink:",
    "  type: kafka",
    ...lines.map((line) => `  ${line}`),
    "pipeline:",
    "  name: shop",
  ].join("\n");
  const readFile = (): string => "-----BEGIN CERTIFICATE-----";
  const { sink } = parseConfigText(text, "shop.yaml", { ...surroundingsOf({}, "/"), readFile });
  if (sink.kind !== "kafka") throw new Error("no Kafka sink");
  return sink;
}

function problems(...lines: readonly string[]): string[] {
  try {
    load(...lines);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(/^\S+ sink\./, ""));
  }
}

describe("a Kafka sink in a file", () => {
  it("needs brokers and nothing else, and is exactly once, without TLS and login", () => {
    expect(load(BROKERS)).toMatchObject({
      brokers: [
        { host: "k1", port: 9092 },
        { host: "::1", port: 9093 },
      ],
      deliveryGuarantee: "exactly-once",
      tls: { mode: "disable" },
      username: null,
      clientId: "millrace-shop",
      topicPrefix: "shop",
      partitionStrategy: "hash-by-key",
      valueFormat: "debezium-json",
    });
  });

  it("proves who answers as soon as the file speaks of TLS", () => {
    expect(load(BROKERS, "properties.security.protocol: SSL").tls.mode).toBe("verify-full");
    expect(load(BROKERS, "properties.security.protocol: SSL", "ssl-mode: require").tls.mode).toBe(
      "require",
    );
  });

  it("speaks TLS to brokers that a client certificate is for", () => {
    const { tls } = load(BROKERS, "ssl-cert: client.pem", "ssl-key: client.key");
    expect(tls.mode).toBe("verify-full");
  });

  it("takes pairs of topics and settings", () => {
    const { topicMapping, topicConfigs } = load(
      BROKERS,
      "sink.tableId-to-topic.mapping: public.a:one;public.b:two",
      "topic.configs: cleanup.policy:compact, min.insync.replicas:2",
    );
    expect(topicMapping).toEqual([
      ["public.a", "one"],
      ["public.b", "two"],
    ]);
    expect(topicConfigs).toEqual([
      ["cleanup.policy", "compact"],
      ["min.insync.replicas", "2"],
    ]);
  });

  it.each([
    [
      "SSL without TLS",
      ["properties.security.protocol: SSL", "ssl-mode: disable"],
      /^properties\.security\.protocol: is SSL, but ssl-mode comes to disable/,
    ],
    [
      "certificates and no TLS",
      ["properties.security.protocol: PLAINTEXT", "ssl-ca: ca.pem"],
      /is PLAINTEXT, but certificates are given/,
    ],
    [
      "SASL without a user",
      ["properties.security.protocol: SASL_SSL"],
      /is SASL_SSL, but username is missing/,
    ],
    [
      "a user without SASL",
      ["properties.security.protocol: SSL", "username: u", "password: p"],
      /is SSL, but username is given.*SASL_SSL/,
    ],
    ["a user without password", ["username: u"], /^password: is missing, and username is given/],
    [
      "PLAIN in plain text",
      ["username: u", "password: p", "properties.sasl.mechanism: PLAIN"],
      /PLAIN without TLS/,
    ],
    [
      "a mechanism without a user",
      ["properties.sasl.mechanism: PLAIN"],
      /is given without username/,
    ],
    [
      "a transaction that ends before its batches",
      ["sink.transaction.timeout: 20s"],
      /is not longer than sink\.delivery-timeout/,
    ],
    [
      "requests that outlast all attempts",
      ["request-timeout: 40s"],
      /^request-timeout: is longer than sink\.delivery-timeout/,
    ],
    [
      "messages larger than a transaction",
      ["properties.max.request.size: 32mb"],
      /is more than sink\.transaction\.max-bytes/,
    ],
    [
      "partitions of topics that are not made",
      ["create: never", "topic.partitions: 3"],
      /^topic\.partitions: is given, but create is never/,
    ],
    [
      "schemas in a format without",
      ["value.format: plain-json", "debezium-json.include-schema.enabled: true"],
      /is given, but value\.format is plain-json/,
    ],
    [
      "equal keys of several tables",
      ["topic: all", "key.format: string"],
      /^key\.format: is string, but several tables share a topic/,
    ],
    [
      "equal keys of tables that are sent to one topic",
      ["sink.tableId-to-topic.mapping: public.a:one;public.b:one", "key.format: string"],
      /^key\.format: is string, but several tables share a topic/,
    ],
    ["avro without a registry", ["value.format: avro"], /^schema\.registry\.url: is missing/],
    [
      "a registry that nothing is asked of",
      ["schema.registry.url: http://r:8081"],
      /^schema\.registry\.url: is given, but nothing is written as avro/,
    ],
    [
      "one that is no URL",
      ["key.format: avro", "schema.registry.url: r:8081"],
      /is not a list of http: or https: URLs/,
    ],
    [
      "a registry's user without password",
      [...AVRO, "schema.registry.username: u"],
      /^schema\.registry\.password: is missing/,
    ],
    [
      "a registry's password without user",
      [...AVRO, "schema.registry.password: p"],
      /^schema\.registry\.username: is missing/,
    ],
    [
      "two ways to say who asks",
      [
        ...AVRO,
        "schema.registry.username: u",
        "schema.registry.password: p",
        "schema.registry.token: t",
      ],
      /schema\.registry\.(?:token|username)/,
    ],
    [
      "schemas of several tables under one subject",
      [...AVRO, "topic: all"],
      /^schema\.registry\.subject\.name\.strategy: is TopicNameStrategy, but several tables/,
    ],
    [
      "Confluent's way to say a login",
      [...AVRO, "schema.registry.basic.auth.user.info: u:p"],
      /Write schema\.registry\.username/,
    ],
    [
      "places in transactions where messages have none",
      ["value.format: plain-json", "provide.transaction.metadata: true"],
      /is true, but messages of plain-json have no place for it/,
    ],
    [
      "a topic of transactions that nobody tells",
      ["transaction.topic: tx"],
      /^transaction\.topic: is given, but provide\.transaction\.metadata is not true/,
    ],
    [
      "the pace of no heartbeats",
      ["heartbeat.topic.interval: 1s"],
      /^heartbeat\.topic\.interval: is given without heartbeat\.topic/,
    ],
    [
      "dead letters among rows",
      ["topic: all", "dead-letters.topic: all"],
      /^dead-letters\.topic: is all, which something else goes to/,
    ],
    ["a topic and a pattern", ["topic: all", "topic.pattern: x.{table}"], /topic/],
    ["a pattern without table", ["topic.pattern: all"], /is not a pattern of topics/],
    ["acks", ["properties.acks: 1"], /acks=all/],
    ["JAAS", ["properties.sasl.jaas.config: x"], /Write username and password/],
    ["a name that stands twice", ["topic.configs: a:1,a:2"], /names a twice/],
    [
      "a mapping without topics",
      ["sink.tableId-to-topic.mapping: public.a"],
      /is not a list of name:value/,
    ],
  ])("refuses %s", (_name, lines, message) => {
    const found = problems(BROKERS, ...lines);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });

  it("takes a registry, and names of subjects that keep tables of one topic apart", () => {
    const config = load(
      BROKERS,
      "value.format: avro",
      "key.format: avro",
      "schema.registry.url: http://r1:8081, https://r2",
      "schema.registry.token: secret-token",
      "schema.registry.subject.name.strategy: RecordNameStrategy",
      "topic: all",
    );
    expect(config).toMatchObject({
      registryUrls: ["http://r1:8081", "https://r2"],
      registrySubject: "RecordNameStrategy",
      registryRegister: true,
    });
    expect(config.registryToken?.reveal()).toBe("secret-token");
    expect(JSON.stringify(config)).not.toContain("secret-token");
  });

  it("never shows a login that stands in the registry's address", () => {
    const [found = ""] = problems(
      BROKERS,
      "value.format: avro",
      "schema.registry.url: http://me:secret@r:8081",
    );
    expect(found).toMatch(/holds a login/);
    expect(found).not.toContain("secret");
  });

  it("never shows a login that stands in the list of brokers", () => {
    const [found = ""] = problems("properties.bootstrap.servers: kafka://me:secret@k1:9092");
    expect(found).toMatch(/is a URL or holds a login/);
    expect(found).not.toContain("secret");
  });

  it("tells that a login goes without TLS", () => {
    const text = load(BROKERS, "username: u", "password: p");
    expect(text.tls.mode).toBe("disable");
  });
});
