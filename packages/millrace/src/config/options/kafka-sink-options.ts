import { brokerList, pairs, tableTopics, topicName as TOPIC } from "../kafka-types.ts";
import { defaulting, optional, required } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { byteSize, choice, duration, integer, secret, text, textLike } from "../option-type.ts";
import { KAFKA_MESSAGES, KAFKA_REGISTRY, KAFKA_SIDE_TOPICS } from "./kafka-message-options.ts";
import type { AcceptedKeys } from "../section.ts";
import { SINK_OPTIONS } from "./sink-options.ts";
import { SINK_ACCEPTED } from "./sql-sink-options.ts";
import { SSL_MODE_DOC, sslMode, TLS_FILES } from "./tls-options.ts";

const MIB = 2 ** 20;

const TOPIC_PATTERN = textLike(
  "pattern",
  /^(?:[A-Za-z0-9._-]|\{schema\}|\{table\})*\{table\}(?:[A-Za-z0-9._-]|\{schema\}|\{table\})*$/,
  {
    wrong: "is not a pattern of topics",
    remedy:
      "Write letters, digits, dots, underscores and hyphens around {schema} and {table}; {table} must be in it",
  },
);

const STRATEGY = textLike("strategy", /^(?:hash-by-key|all-to-zero|table|columns:.+)$/, {
  wrong: "is not a strategy",
  remedy: "Write hash-by-key, all-to-zero, table, or columns: and names of key columns",
});

/** How the cluster is reached. */
export const KAFKA_CONNECTION = {
  brokers: required(brokerList, {
    name: "properties.bootstrap.servers",
    aliases: ["bootstrap.servers", "bootstrap-servers"],
    example: "kafka-1.internal:9092,kafka-2.internal:9092",
    doc: "Some brokers of the cluster; the others are asked for.",
  }),
  securityProtocol: optional(choice(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), {
    name: "properties.security.protocol",
    example: "SASL_SSL",
    defaultDoc: "what `ssl-mode`, `ssl-ca`, `ssl-cert` and `username` come to",
    doc: "Kafka's own word for whether there is TLS and a login. It must agree with the other options.",
  }),
  saslMechanism: defaulting(choice(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]), "SCRAM-SHA-512", {
    name: "properties.sasl.mechanism",
    example: "SCRAM-SHA-512",
    doc: "How `username` and `password` are proven. `PLAIN` sends the password as it is: only with TLS.",
  }),
  username: optional(text, {
    name: "username",
    example: "millrace",
    doc: "User to log in as; without it nobody logs in.",
  }),
  password: optional(secret, {
    name: "password",
    example: "${env:KAFKA_PASSWORD}",
    doc: "Password of the user.",
  }),
  sslMode: optional(sslMode, {
    name: "ssl-mode",
    example: "verify-full",
    defaultDoc:
      "`verify-full` where `properties.security.protocol` has SSL, or `ssl-ca` or `ssl-cert` is given, else `disable`",
    doc: SSL_MODE_DOC,
  }),
  ...TLS_FILES,
  clientId: optional(text, {
    name: "properties.client.id",
    example: "millrace-shop",
    defaultDoc: "`millrace-` and the pipeline's name",
    doc: "What the brokers' logs, metrics and quotas know this client by.",
  }),
  connectTimeoutMs: defaulting(duration(250, 3_600_000), 10_000, {
    name: "connect-timeout",
    aliases: ["properties.socket.connection.setup.timeout.ms"],
    example: "10s",
    doc: "How long opening a connection may take, with TLS and login.",
  }),
  requestTimeoutMs: defaulting(duration(1_000, 3_600_000), 30_000, {
    name: "request-timeout",
    aliases: ["properties.request.timeout.ms"],
    example: "30s",
    doc: "How long a broker may take over one request before its connection is given up.",
  }),
} as const;

/** How messages are sent. */
const DELIVERY = {
  deliveryGuarantee: defaulting(choice(["exactly-once", "at-least-once", "none"]), "exactly-once", {
    name: "sink.delivery-guarantee",
    example: "exactly-once",
    doc: "`exactly-once`: rows and positions are one transaction, which readers with `isolation.level=read_committed` see once and whole. `at-least-once`: without transactions, visible at once; what is sent again after a lost answer is written twice. `none`, Flink's, is at least once here.",
    unsetNotice:
      "is not given: Flink CDC would write at least once; Millrace writes exactly once, in transactions that readers see with isolation.level=read_committed",
  }),
  maxTransactionBytes: defaulting(byteSize(64 * 1024, 1024 * MIB), 8 * MIB, {
    name: "sink.transaction.max-bytes",
    example: "16mb",
    doc: "Changes of one Kafka transaction at most. A larger transaction of the source goes in parts. About two of them are held in memory: rows of hundreds of columns are several times as large there.",
  }),
  transactionTimeoutMs: defaulting(duration(5_000, 900_000), 60_000, {
    name: "sink.transaction.timeout",
    aliases: ["properties.transaction.timeout.ms"],
    example: "60s",
    doc: "The broker aborts a transaction that has been open for so long, as that of a process that was frozen. No more than the broker's `transaction.max.timeout.ms`, and at least four thirds of `sink.delivery-timeout`.",
  }),
  deliveryTimeoutMs: defaulting(duration(1_000, 600_000), 30_000, {
    name: "sink.delivery-timeout",
    aliases: ["properties.delivery.timeout.ms"],
    example: "30s",
    doc: "How long one batch is sent again, to whoever leads its partition, before the whole transaction is given up and begun anew.",
  }),
  compression: defaulting(choice(["none", "gzip", "snappy", "lz4", "zstd"]), "none", {
    name: "properties.compression.type",
    example: "lz4",
    doc: "How batches are compressed.",
  }),
  maxRequestBytes: defaulting(byteSize(1024, 512 * MIB), MIB, {
    name: "properties.max.request.size",
    example: "1mb",
    doc: "No message and no batch is larger, before compression, whatever its topic takes; a message that is, and one larger than `max.message.bytes` of its topic, becomes a dead letter. Batches of several partitions go to a broker in requests that are no larger; keep it below `socket.request.max.bytes` of the brokers (100 MiB), which hang up on more.",
  }),
} as const;

/** Which topics and partitions. */
const TOPICS = {
  topic: optional(TOPIC, {
    name: "topic",
    example: "changes",
    conflicts: ["topic.pattern", "sink.tableId-to-topic.mapping"],
    doc: "One topic for all tables. Its keys name their table then.",
  }),
  tableTopicPrefix: optional(TOPIC, {
    name: "kafka.topic.prefix",
    example: "dynamodb-",
    conflicts: ["topic", "topic.pattern"],
    defaultDoc: "`dynamodb-` with a DynamoDB source",
    doc: "The topic of each table is this and the table's name, with nothing between, as Trustpilot's connector has it: the same as `topic.pattern` with `{table}` behind it.",
  }),
  topicPattern: defaulting(TOPIC_PATTERN, "{schema}.{table}", {
    name: "topic.pattern",
    example: "shop.{schema}.{table}",
    defaultDoc: "`{schema}.{table}`; see `kafka.topic.prefix`",
    doc: "The topic of each table; schema and table are those of the target, as routes name it. Characters that no topic may have become `_`.",
  }),
  topicMapping: optional(tableTopics, {
    name: "sink.tableId-to-topic.mapping",
    example: "public.orders:orders;public.log_\\.*:logs",
    doc: "Topics of certain tables, `schema.table:topic` separated by semicolons, or a map; others go by `topic.pattern`. Schema and table are those of the target, as routes name it, and patterns as in `source.tables`; the first that matches says. Several tables share a topic that a pattern, or more than one name, is for: its keys name their table, and it is never removed.",
  }),
  topicPartitions: optional(integer(1, 100_000, "partitions"), {
    name: "topic.partitions",
    example: "6",
    defaultDoc: "the broker's `num.partitions`",
    doc: "Partitions of topics that are made. Existing topics are left as they are.",
  }),
  topicReplication: optional(integer(1, 32, "replicas"), {
    name: "topic.replication-factor",
    example: "3",
    defaultDoc: "the broker's `default.replication.factor`",
    doc: "Replicas of topics that are made, the state topic among them.",
  }),
  topicConfigs: optional(pairs(","), {
    name: "topic.configs",
    example: "cleanup.policy:compact,min.insync.replicas:2",
    doc: "Settings of topics that are made, by Kafka's names, as a map or as `name:value` separated by commas (`\\,` within a value: `cleanup.policy:compact\\,delete`). Existing topics are left as they are. Compacted topics take no table without key, and are told neither TRUNCATE nor the end of a load.",
  }),
  create: defaulting(choice(["if-missing", "never"]), "if-missing", {
    name: "create",
    aliases: ["sink.create-topics"],
    example: "if-missing",
    doc: "Whether missing topics are made. The state topic always is.",
  }),
  stateTopic: optional(TOPIC, {
    name: "state.topic",
    example: "millrace-shop-state",
    defaultDoc: "`millrace-<pipeline>-state`",
    doc: "The compacted topic that holds the pipeline's positions and dead letters.",
  }),
  partitionStrategy: defaulting(STRATEGY, "hash-by-key", {
    name: "partition.strategy",
    example: "columns:customer_id",
    doc: "`hash-by-key`: by the key's bytes, as Kafka's own clients do. `all-to-zero`: everything into the first partition. `table`: each table into one. `columns:a,b`: by these columns of the key. Whatever it is, changes of one key come to one partition.",
    unsetNotice:
      "is not given: Flink CDC would write everything to the first partition (all-to-zero); Millrace goes by the key (hash-by-key)",
  }),
} as const;

/** `sink:` with `type: kafka`. */
export const KAFKA_SINK_OPTIONS = {
  ...KAFKA_CONNECTION,
  ...DELIVERY,
  ...TOPICS,
  ...KAFKA_MESSAGES,
  ...KAFKA_REGISTRY,
  ...KAFKA_SIDE_TOPICS,
  ...SINK_OPTIONS,
} as const;

/** What `sink:` with `type: kafka` is once it is parsed. */
export type KafkaSinkOptions = OptionValues<typeof KAFKA_SINK_OPTIONS>;

const OURS = "Take it out: exactly once wants its own, acks=all, idempotent and in order";

/** Options of Kafka's clients that neither readers nor writers have a use for here. */
export const KAFKA_CLIENT_ACCEPTED = {
  "properties.client.dns.lookup": "has no meaning here: all addresses of a name are tried",
  "properties.connections.max.idle.ms":
    "has no meaning here: a connection that was closed is opened again when it is needed",
  "properties.metadata.max.age.ms":
    "has no meaning here: leaders are asked for again as soon as one has moved",
  "properties.metadata.recovery.strategy":
    "has no meaning here: where no known broker answers, those of the file are asked",
  "properties.receive.buffer.bytes": "has no meaning here: the system chooses it",
  "properties.reconnect.backoff.ms": "has no meaning here: pauses grow by themselves",
  "properties.reconnect.backoff.max.ms": "has no meaning here: pauses grow by themselves",
  "properties.retry.backoff.ms": "has no meaning here: pauses grow by themselves",
  "properties.retry.backoff.max.ms": "has no meaning here: pauses grow by themselves",
  "properties.send.buffer.bytes": "has no meaning here: the system chooses it",
} as const;

/** The same that would let somebody else answer in a broker's name, or are said otherwise. */
export const KAFKA_CLIENT_REFUSED = {
  "properties.ssl.endpoint.identification.algorithm":
    "Write ssl-mode: verify-ca where it is empty; where it is https, take it out: ssl-mode: verify-full is that",
} as const;

const BY_FORMAT = "has no meaning here: see value.format and key.format";
const BY_CODEC = "has no meaning here: gzip goes by its quickest level, the others by their own";
const BY_BUDGET = "has no meaning here: see pipeline.memory.budget";

/** Keys of Flink CDC and of Kafka's clients that are taken and do nothing. */
export const KAFKA_SINK_ACCEPTED: AcceptedKeys = {
  keys: {
    ...SINK_ACCEPTED.keys,
    ...KAFKA_CLIENT_ACCEPTED,
    "properties.buffer.memory": BY_BUDGET,
    "properties.max.block.ms":
      "has no meaning here: a sink that cannot write is waited for, and its source is read no further",
    "properties.key.serializer": BY_FORMAT,
    "properties.value.serializer": BY_FORMAT,
    "properties.linger.ms":
      "has no meaning here: a batch goes as soon as it is full or its transaction whole; see flush-interval-ms",
    "properties.retries":
      "has no meaning here: what failed is sent again; see sink.delivery-timeout",
    "properties.compression.level": BY_CODEC,
    "properties.compression.gzip.level": BY_CODEC,
    "properties.compression.lz4.level": BY_CODEC,
    "properties.compression.zstd.level": BY_CODEC,
  },
  prefixes: SINK_ACCEPTED.prefixes,
  sameAs: {
    "properties.acks": {
      values: /^(?:all|-1)$/i,
      reason:
        "is what is done anyway: a message counts as written once all replicas in sync have it",
    },
    "properties.enable.idempotence": {
      values: /^true$/i,
      reason: "is what is done anyway: no batch is taken twice",
    },
    "properties.max.in.flight.requests.per.connection": {
      values: /^[1-5]$/,
      reason: "has no meaning here: of each partition one batch is under way at a time",
    },
  },
};

/** Kafka's options that would break what the sink promises, or that are said otherwise. */
export const KAFKA_SINK_REFUSED: Readonly<Record<string, string>> = {
  ...KAFKA_CLIENT_REFUSED,
  "properties.sasl.jaas.config": "Write username and password instead",
  "properties.ssl.truststore.location": "Write ssl-ca: with the path of a PEM file",
  "properties.ssl.truststore.type": "Write ssl-ca: with the path of a PEM file",
  "properties.ssl.truststore.password": "Write ssl-ca: with the path of a PEM file",
  "properties.ssl.keystore.type": "Write ssl-cert: and ssl-key: with the paths of PEM files",
  "properties.ssl.keystore.password": "Write ssl-cert: and ssl-key: with the paths of PEM files",
  "properties.ssl.keystore.location": "Write ssl-cert: and ssl-key: with the paths of PEM files",
  "properties.partitioner.class": "Write partition.strategy instead",
  "properties.acks": OURS,
  "properties.enable.idempotence": OURS,
  "properties.transactional.id": OURS,
  "properties.max.in.flight.requests.per.connection": OURS,
  "properties.batch.size": "Write properties.max.request.size instead",
  "schema.registry.basic.auth.user.info":
    "Write schema.registry.username and schema.registry.password instead",
  host: "Write properties.bootstrap.servers instead",
  hostname: "Write properties.bootstrap.servers instead",
};
