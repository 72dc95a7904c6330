import { pairs, topicName as TOPIC } from "../kafka-types.ts";
import { choices } from "../choices.ts";
import { defaulting, optional } from "../option.ts";
import { choice, duration, flag, secret, text, urlList } from "../option-type.ts";

/** What a change becomes. */
export const KAFKA_MESSAGES = {
  valueFormat: defaulting(
    choice(["debezium-json", "avro", "plain-json", "canal-json", "dynamodb-envelope"]),
    "debezium-json",
    {
      name: "value.format",
      example: "debezium-json",
      doc: "`debezium-json`: Debezium's envelope with before, after, source and op. `avro`: the same envelope in Avro, whose schema is at `schema.registry.url`. `plain-json`: the row, or nothing of a deleted one. `canal-json`: Canal's. `dynamodb-envelope`: the record of Trustpilot's connector, of a DynamoDB source.",
    },
  ),
  keyFormat: defaulting(choice(["json", "avro", "csv", "string"]), "json", {
    name: "key.format",
    example: "json",
    doc: "`json`: an object of the key's columns. `avro`: the same as a record, whose schema is at `schema.registry.url`. `csv`: their values. `string`: the text of the one key column.",
  }),
  includeSchema: defaulting(flag, false, {
    name: "debezium-json.include-schema.enabled",
    aliases: ["dynamodb-envelope.include-schema.enabled"],
    example: "true",
    doc: "Whether each message carries its schema, as Kafka Connect's JSON converter does with `schemas.enable`.",
  }),
  envelopeDocument: defaulting(choice(["connector", "dynamodb", "plain"]), "connector", {
    name: "dynamodb-envelope.document",
    example: "dynamodb",
    doc: "How `document` of `dynamodb-envelope` writes an item: `connector` as Trustpilot's connector does, with the types in lower case; `dynamodb` as DynamoDB does; `plain` without types.",
  }),
  envelopeNames: defaulting(choice(["top", "all", "keep"]), "top", {
    name: "dynamodb-envelope.names",
    example: "keep",
    doc: "Which attributes' names lose the characters that a field of Avro must not have: those of the item itself (`top`, as Trustpilot's connector does), also those of nested maps (`all`), or none (`keep`). Two names of a map that would become one make the change a dead letter.",
  }),
  envelopeAdd: optional(choices(["before", "position", "ttl"]), {
    name: "dynamodb-envelope.add",
    example: "before,ttl",
    doc: "What `dynamodb-envelope` has besides: `before`, the item as it was; `position`, `shard_id` and `sequence_number` in `source`; `ttl`, whether the service itself deleted what had expired, in `source`.",
  }),
  topicPrefix: optional(text, {
    name: "topic.prefix",
    example: "shop",
    defaultDoc: "the pipeline's name",
    doc: "Debezium's name of the server, `source.name` in messages and the begin of schemas' names. Topics begin with it where `topic.pattern` says so.",
  }),
  tombstones: defaulting(flag, true, {
    name: "tombstones.on.delete",
    example: "true",
    doc: "Whether a deleted row's message is followed by one without value, which lets compaction forget the key.",
  }),
  tableIdHeaders: defaulting(flag, false, {
    name: "sink.add-tableId-to-header-enabled",
    example: "true",
    doc: "Headers `namespace`, `schemaName` and `tableName`.",
  }),
  customHeaders: optional(pairs(","), {
    name: "sink.custom-header",
    example: "region:eu,team:shop",
    doc: "Headers of every message, as a map or as `name:value` separated by commas (`\\,` within a value).",
  }),
  generationMarkers: defaulting(flag, true, {
    name: "generation.markers",
    example: "false",
    doc: "Whether the end of a table's load is told by a message without key and value in each partition; never in a compacted topic, which takes none without key. A topic cannot be asked for rows that a resync did not find; who reads it forgets what is older.",
  }),
  decimalMode: defaulting(choice(["precise", "double", "string"]), "precise", {
    name: "decimal.handling.mode",
    example: "string",
    doc: "Decimals as Connect's bytes (`precise`), as numbers that may lose digits (`double`), or as text (`string`).",
  }),
  timeMode: defaulting(
    choice([
      "adaptive",
      "adaptive_time_microseconds",
      "connect",
      "isostring",
      "microseconds",
      "nanoseconds",
    ]),
    "adaptive",
    {
      name: "time.precision.mode",
      example: "isostring",
      doc: "What dates and times become; Debezium's words. With MySQL and MariaDB `adaptive` is `adaptive_time_microseconds`, as it is there.",
    },
  ),
  binaryMode: defaulting(choice(["bytes", "base64", "base64-url-safe", "hex"]), "bytes", {
    name: "binary.handling.mode",
    example: "hex",
    doc: "What bytes become; Debezium's words.",
  }),
  intervalMode: defaulting(choice(["numeric", "string"]), "string", {
    name: "interval.handling.mode",
    example: "string",
    doc: "Intervals as ISO text, or as microseconds, which months do not have exactly.",
  }),
  hstoreMode: defaulting(choice(["json", "map"]), "json", {
    name: "hstore.handling.mode",
    example: "json",
    doc: "PostgreSQL's `hstore` as JSON text or as a map.",
  }),
  bigintUnsignedMode: defaulting(choice(["long", "precise"]), "long", {
    name: "bigint.unsigned.handling.mode",
    example: "precise",
    doc: "MySQL's `bigint unsigned` as a number of 64 bits (`long`), where a value from 2^63 on is a dead letter, or as a decimal without scale, in Connect's bytes (`precise`), which holds all of them.",
  }),
  unavailable: defaulting(text, "__debezium_unavailable_value", {
    name: "unavailable.value.placeholder",
    example: "__debezium_unavailable_value",
    doc: "What stands for a value that the log left out and the source does not have any more.",
  }),
} as const;

/** Where schemas of Avro are kept. */
export const KAFKA_REGISTRY = {
  registryUrls: optional(urlList, {
    name: "schema.registry.url",
    example: "https://registry.internal:8081",
    doc: "Addresses of a Confluent-compatible schema registry; the first one that answers is asked. Needed by `avro`.",
  }),
  registryUsername: optional(text, {
    name: "schema.registry.username",
    example: "millrace",
    conflicts: ["schema.registry.token"],
    doc: "User for the registry's basic authentication; at Confluent Cloud the API key.",
  }),
  registryPassword: optional(secret, {
    name: "schema.registry.password",
    example: "${env:REGISTRY_PASSWORD}",
    doc: "Password of that user.",
  }),
  registryToken: optional(secret, {
    name: "schema.registry.token",
    example: "${env:REGISTRY_TOKEN}",
    doc: "Bearer token for the registry.",
  }),
  registrySubject: defaulting(
    choice(["TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy"]),
    "TopicNameStrategy",
    {
      name: "schema.registry.subject.name.strategy",
      aliases: ["value.subject.name.strategy"],
      example: "TopicNameStrategy",
      doc: "What a subject is called: by its topic (`orders-value`), by its record (`shop.public.orders.Envelope`), or by both. Where `topic` puts several tables into one, only the last two tell them apart.",
    },
  ),
  registryRegister: defaulting(flag, true, {
    name: "schema.registry.auto.register",
    aliases: ["auto.register.schemas"],
    example: "false",
    doc: "Whether schemas are registered by this pipeline. `false` only looks them up; one that is not there stops the pipeline.",
  }),
  registryTimeoutMs: defaulting(duration(250, 600_000), 10_000, {
    name: "schema.registry.timeout",
    example: "10s",
    doc: "How long one request to the registry may take.",
  }),
} as const;

/** Topics beside those of tables. Their messages are JSON without schema, whatever `value.format` is. */
export const KAFKA_SIDE_TOPICS = {
  heartbeatTopic: optional(TOPIC, {
    name: "heartbeat.topic",
    example: "__debezium-heartbeat.shop",
    doc: "Where heartbeats go, in Debezium's form; without it there are none. Each is in a transaction of the pipeline's position, so it says that the log was followed up to then, also where the source writes nothing.",
  }),
  heartbeatTopicIntervalMs: defaulting(duration(100, 3_600_000), 10_000, {
    name: "heartbeat.topic.interval",
    example: "10s",
    doc: "How often there is one, to the second; no two are nearer to each other.",
  }),
  transactionMetadata: defaulting(flag, false, {
    name: "provide.transaction.metadata",
    example: "true",
    doc: "Whether messages say where they stand in their source's transaction (`transaction`), and `transaction.topic` tells of its BEGIN and END with the counts of its events. Only with `value.format` `debezium-json` or `avro`.",
  }),
  transactionTopic: optional(TOPIC, {
    name: "transaction.topic",
    example: "shop.transaction",
    defaultDoc: "`<topic.prefix>.transaction` where `provide.transaction.metadata` is `true`",
    doc: "Where BEGIN and END of the source's transactions go.",
  }),
  schemaChangesTopic: optional(TOPIC, {
    name: "schema-changes.topic",
    example: "shop.schema-changes",
    doc: "Where new and changed shapes of tables are told, in Debezium's form; without it they are not. A shape is there before the first row that has it.",
  }),
  deadLettersTopic: optional(TOPIC, {
    name: "dead-letters.topic",
    example: "shop.dead-letters",
    doc: "Where dead letters are told besides the state topic: each as it is parked, with its reason in headers, and a tombstone when it is gone. No values but the key's.",
  }),
} as const;
