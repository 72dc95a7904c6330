import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OPEN_SHARE } from "../kafka/open-transaction.ts";
import { SENDING_SHARE } from "./finish-kafka-sink.ts";
import { pairs } from "./kafka-types.ts";
import { parseConfigText, surroundingsOf } from "./load.ts";
import type { KafkaSinkConfig, PipelineConfig } from "./pipeline-config.ts";
import { ConfigError, formatNotice, formatProblem } from "./problem.ts";

const BROKERS = "properties.bootstrap.servers: k1:9092, [::1]:9093";

const AVRO = ["value.format: avro", "schema.registry.url: http://r:8081"];

function load(...lines: readonly string[]): KafkaSinkConfig {
  const { sink } = parsed(lines);
  if (sink.kind !== "kafka") throw new Error("no Kafka sink");
  return sink;
}

/** What is said of a file without being wrong, by its option. */
function notices(lines: readonly string[], pipeline: readonly string[] = []): string[] {
  return parsed(lines, pipeline).notices.map((each) =>
    formatNotice(each).replace(/^shop\.yaml:\d+:\d+: /, ""),
  );
}

function parsed(lines: readonly string[], pipeline: readonly string[] = []): PipelineConfig {
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
    ...pipeline.map((line) => `  ${line}`),
  ].join("\n");
  const readFile = (): string => "-----BEGIN CERTIFICATE-----";
  return parseConfigText(text, "shop.yaml", { ...surroundingsOf({}, "/"), readFile });
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
  it("knows whether the file says how many rows a transaction has", () => {
    expect(load(BROKERS)).toMatchObject({ batchRows: 3_000, batchRowsAreGiven: false });
    expect(load(BROKERS, "batch-size: 3000")).toMatchObject({ batchRowsAreGiven: true });
  });

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
      "sink.tableId-to-topic.mapping: public.\\.*_log,sales.a:one;public.b\\:c:two",
      "topic.configs: cleanup.policy:compact, min.insync.replicas:2",
    );
    expect(topicMapping).toEqual([
      ["public.\\.*_log,sales.a", "one"],
      ["public.b\\:c", "two"],
    ]);
    expect(topicConfigs).toEqual([
      ["cleanup.policy", "compact"],
      ["min.insync.replicas", "2"],
    ]);
  });

  it.each([
    ["escaped", ["topic.configs: cleanup.policy:compact\\,delete, retention.ms:-1"]],
    ["in a map", ["topic.configs:", "  cleanup.policy: compact,delete", "  retention.ms: -1"]],
    ["in a list", ["topic.configs:", "  - cleanup.policy:compact\\,delete", "  - retention.ms:-1"]],
  ])("takes a setting with a comma, %s", (_name, lines) => {
    expect(load(BROKERS, ...lines).topicConfigs).toEqual([
      ["cleanup.policy", "compact,delete"],
      ["retention.ms", "-1"],
    ]);
  });

  it("takes headers and topics of tables in a map, whatever stands in them", () => {
    const { customHeaders, topicMapping } = load(
      BROKERS,
      "sink.custom-header:",
      '  region: "eu, west: 1"',
      "  back\\: \\",
      "sink.tableId-to-topic.mapping:",
      "  public.\\.*: one",
      "  public.b:c: two",
    );
    expect(customHeaders).toEqual([
      ["region", "eu, west: 1"],
      ["back\\", "\\"],
    ]);
    expect(topicMapping).toEqual([
      ["public.\\.*", "one"],
      ["public.b\\:c", "two"],
    ]);
  });

  it("says where in a map something is no value", () => {
    expect(problems(BROKERS, "topic.configs:", "  cleanup.policy: [compact]")).toEqual([
      "topic.configs: is a list and must be a single value. Write topic.configs: cleanup.policy:compact,min.insync.replicas:2.",
    ]);
  });

  it("writes pairs so that they are read again", () => {
    const word = fc.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== "");
    for (const type of [pairs(","), pairs(";")])
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.tuple(word, fc.oneof(word, fc.constant(""))), {
            minLength: 1,
            selector: ([name]) => name,
          }),
          (value) => {
            expect(type.decode(type.encode(value))).toEqual({ value });
          },
        ),
      );
  });

  it("is tried for as long as a transaction takes anything more", () => {
    expect(SENDING_SHARE).toBe(OPEN_SHARE);
    expect(problems(BROKERS, "sink.transaction.timeout: 40s")).toEqual([]);
  });

  it("takes the names that Kafka's clients have for options of its own", () => {
    expect(
      load(
        BROKERS,
        "properties.transaction.timeout.ms: 600000",
        "properties.request.timeout.ms: 20000",
        "properties.delivery.timeout.ms: 120000",
        "properties.socket.connection.setup.timeout.ms: 5000",
      ),
    ).toMatchObject({
      transactionTimeoutMs: 600_000,
      requestTimeoutMs: 20_000,
      deliveryTimeoutMs: 120_000,
      connectTimeoutMs: 5_000,
    });
  });

  it.each(["buffer.memory", "max.block.ms", "metadata.max.age.ms", "client.dns.lookup"])(
    "takes properties.%s, and says that it means nothing here",
    (name) => {
      const told = notices([BROKERS, `properties.${name}: 1`]);
      expect(told.filter((line) => line.startsWith(`sink.properties.${name}: `))).toEqual([
        expect.stringContaining("has no meaning here"),
      ]);
    },
  );

  it("names of Kafka's client options those that it knows, where one is unknown", () => {
    const [said = ""] = problems(BROKERS, "properties.zzzzzzzzzzzz.yyyyyyyyyyyy: 1");
    expect(said).toContain("properties.compression.type");
    expect(said).not.toContain("topic.partitions");
  });

  it("says where a file of Flink CDC's relies on its partition zero and its at least once", () => {
    const told = notices([BROKERS, "properties.buffer.memory: 1"]).join("\n");
    expect(told).toMatch(/not given: .*sink\.partition\.strategy/);
    expect(told).toMatch(/not given: .*sink\.sink\.delivery-guarantee/);
    const given = ["partition.strategy: table", "sink.delivery-guarantee: at-least-once"];
    expect(notices([BROKERS, "properties.buffer.memory: 1", ...given]).join("\n")).not.toMatch(
      /partition\.strategy|delivery-guarantee/,
    );
  });

  it.each([
    "properties.acks: all",
    'properties.acks: "-1"',
    "properties.enable.idempotence: true",
    "properties.max.in.flight.requests.per.connection: 1",
    "properties.max.in.flight.requests.per.connection: 5",
    "properties.linger.ms: 5",
    "properties.retries: 3",
    "properties.compression.level: 3",
    "properties.compression.gzip.level: 6",
  ])("takes %s, and says that it changes nothing", (line) => {
    const name = line.slice(0, line.indexOf(":"));
    expect(notices([BROKERS, line])).toContainEqual(
      expect.stringMatching(
        new RegExp(`^sink\\.${name}: (?:is what is done anyway|has no meaning here)`),
      ),
    );
  });

  it.each([
    "properties.acks: 0",
    "properties.enable.idempotence: false",
    "properties.max.in.flight.requests.per.connection: 6",
    "properties.transactional.id: x",
  ])("refuses %s", (line) => {
    expect(problems(BROKERS, line)).toEqual([
      expect.stringMatching(/Take it out: exactly once wants its own/),
    ]);
  });

  it("takes Flink's guarantee none as at least once, and says so", () => {
    expect(load(BROKERS, "sink.delivery-guarantee: none").deliveryGuarantee).toBe("none");
    expect(notices([BROKERS, "sink.delivery-guarantee: none"])).toEqual([
      "sink.sink.delivery-guarantee: is none, and messages are written at least once all the same.",
    ]);
  });

  it("says what a format or the guarantee has no use for", () => {
    const modes = [
      "time.precision.mode: connect",
      "interval.handling.mode: string",
      "decimal.handling.mode: string",
      "tombstones.on.delete: false",
    ];
    expect(notices([BROKERS, "value.format: plain-json", ...modes])).toEqual([
      "sink.time.precision.mode: changes keys only: plain-json has times as text.",
      "sink.interval.handling.mode: changes keys only: plain-json has intervals as text.",
      "sink.decimal.handling.mode: changes keys only: plain-json has decimals as text.",
      "sink.tombstones.on.delete: changes nothing: of plain-json a deleted row is a message without value and nothing behind it.",
    ]);
    expect(notices([BROKERS, "value.format: canal-json", ...modes])).toHaveLength(4);
    expect(notices([BROKERS, ...modes])).toEqual([]);
    const late = ["sink.delivery-guarantee: at-least-once", "sink.transaction.timeout: 90s"];
    expect(notices([BROKERS, ...late])).toEqual([
      "sink.sink.transaction.timeout: changes nothing: at least once there are no transactions.",
    ]);
    expect(notices([BROKERS, "sink.transaction.timeout: 90s"])).toEqual([]);
    const long = "sink.delivery-timeout: 90s";
    expect(problems(BROKERS, long)).toHaveLength(1);
    expect(problems(BROKERS, long, "sink.delivery-guarantee: at-least-once")).toEqual([]);
  });

  it("says what is given and changes nothing where every change becomes a message, in one lane", () => {
    expect(notices([BROKERS, "compaction.enabled: true"], ["parallelism: 8"])).toEqual([
      "sink.compaction.enabled: is true and changes nothing: every change becomes a message of its own.",
      "pipeline.parallelism: is 8 and changes nothing: a Kafka sink has one lane, in which the next messages are made while those before are under way.",
    ]);
    expect(notices([BROKERS, "compaction.enabled: false"], ["parallelism: 1"])).toEqual([]);
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
      ["sink.transaction.timeout: 39s"],
      /is too short for sink\.delivery-timeout/,
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
    [
      "names of hosts that are not looked at",
      ['properties.ssl.endpoint.identification.algorithm: ""'],
      /Write ssl-mode: verify-ca/,
    ],
    ["another partitioner", ["properties.partitioner.class: x"], /Write partition\.strategy/],
    ["JAAS", ["properties.sasl.jaas.config: x"], /Write username and password/],
    ["a name that stands twice", ["topic.configs: a:1,a:2"], /names a twice/],
    [
      "a mapping without topics",
      ["sink.tableId-to-topic.mapping: public.a"],
      /is not a list of schema\.table:topic/,
    ],
    [
      "a mapping to what is no topic",
      ["sink.tableId-to-topic.mapping: public.a:bad topic!"],
      /sends public\.a to bad topic!, which is not a topic's name/,
    ],
    [
      "a mapping of tables with their database",
      ["sink.tableId-to-topic.mapping: shop.public.a:a"],
      /has shop\.public\.a: the pattern has 3 parts instead of 2\. Write schema\.table/,
    ],
    [
      "a pattern of tables that cannot be read",
      ["sink.tableId-to-topic.mapping: public.(a:one"],
      /has public\.\(a: "\(" is never closed/,
    ],
    [
      "one table mapped twice",
      ["sink.tableId-to-topic.mapping: public.a:one;public.a:two"],
      /names public\.a twice/,
    ],
    [
      "equal keys of tables that one pattern sends to a topic",
      ["sink.tableId-to-topic.mapping: public.\\.*:one", "key.format: string"],
      /^key\.format: is string, but several tables share a topic/,
    ],
    [
      "transactions among rows, by a name that nobody wrote",
      [
        "provide.transaction.metadata: true",
        "sink.tableId-to-topic.mapping: public.a:shop.transaction",
      ],
      /^transaction\.topic: is shop\.transaction, which something else goes to/,
    ],
    [
      "positions among rows, by a name that nobody wrote",
      ["topic: millrace-shop-state"],
      /^state\.topic: is millrace-shop-state, which something else goes to/,
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
