import type { AcceptedKeys } from "../section.ts";
import { KAFKA_OFFSETS, pairs, regularExpression, topicList } from "../kafka-types.ts";
import { defaulting, optional } from "../option.ts";
import type { OptionValues } from "../option.ts";
import { byteSize, choice, duration, flag, integer, tableList, text } from "../option-type.ts";
import {
  KAFKA_CLIENT_ACCEPTED,
  KAFKA_CLIENT_REFUSED,
  KAFKA_CONNECTION,
} from "./kafka-sink-options.ts";

const HOUR_MS = 3_600_000;
const MIB = 2 ** 20;

/** Which topics, and what of them. */
const TOPICS = {
  topics: optional(topicList, {
    name: "topic",
    example: "shop.public.orders,shop.public.customers",
    conflicts: ["topic-pattern"],
    doc: "Topics to read, separated by commas. Each partition is a task of its own.",
  }),
  topicPattern: optional(regularExpression, {
    name: "topic-pattern",
    example: "shop\\.public\\..*",
    conflicts: ["topic"],
    doc: "Topics to read, as a regular expression that matches the whole name. Topics that appear later and match are taken up, those that go are left.",
  }),
  discoveryIntervalMs: defaulting(duration(1_000, 24 * HOUR_MS), 30_000, {
    name: "scan.topic-partition-discovery.interval",
    example: "30s",
    doc: "How often new topics and partitions are looked for.",
  }),
  tables: defaulting(tableList, "\\.*.\\.*", {
    name: "tables",
    example: "public.\\.*",
    doc: "Tables to take, of those that messages are about: `schema.table`, a comma list of regular expressions part by part. A message of Debezium names its table (`source.schema`, or `source.db`, and `source.table`); else it is the last two parts of the topic's name.",
  }),
  tablesExclude: optional(tableList, {
    name: "tables.exclude",
    example: "public.audit_\\.*",
    doc: "Tables that are not taken although `tables` matches them; the same spelling.",
  }),
} as const;

/** How messages are read. */
const MESSAGES = {
  valueFormat: defaulting(choice(["debezium-json", "plain-json"]), "debezium-json", {
    name: "value.format",
    aliases: ["format"],
    example: "debezium-json",
    doc: "`debezium-json`: Debezium's envelope, with its schema or without, which each message tells. `plain-json`: the row, or nothing of a deleted one; the message's key is the row's.",
  }),
  unavailable: defaulting(text, "__debezium_unavailable_value", {
    name: "unavailable.value.placeholder",
    example: "__debezium_unavailable_value",
    doc: "Debezium's word for a value that an update did not touch and its log left out: the sink keeps what it has.",
  }),
  primaryKeys: optional(pairs(";"), {
    name: "primary-keys",
    example: "public.orders:id;public.lines:order_id,n",
    doc: "Keys of tables whose messages have none, or another one (re-keyed topics): `schema.table:columns`, separated by semicolons, or a map. All messages of one key have to be in one partition.",
  }),
  ignoreParseErrors: defaulting(flag, false, {
    name: "ignore-parse-errors",
    aliases: ["debezium-json.ignore-parse-errors"],
    example: "true",
    doc: "What becomes of a message that cannot be read. `false`: the partition's task stops and names it. `true`: it is skipped, and the status and the log say how many were.",
  }),
  onTruncate: defaulting(choice(["refuse", "ignore"]), "refuse", {
    name: "on-truncate",
    example: "ignore",
    doc: "What a TRUNCATE of a table does that other partitions or topics bring too, which are not at the same place: `refuse` stops the partition's task, `ignore` leaves the rows. A table that one partition alone brings is truncated in any case but `ignore`.",
  }),
} as const;

/** Where a partition is begun with. */
const STARTUP = {
  startupMode: defaulting(
    choice(["earliest-offset", "latest-offset", "timestamp", "specific-offsets"], {
      initial: {
        wrong: "is not a mode of topics",
        remedy: "Write earliest-offset: the topic from its begin is the load",
      },
      "group-offsets": {
        wrong: "is not supported: positions are kept at the sink, the group's are only shown",
        remedy: "Write specific-offsets with what the group's were, or earliest-offset",
      },
    }),
    "earliest-offset",
    {
      name: "scan.startup.mode",
      example: "earliest-offset",
      doc: "Where a partition is begun with that this pipeline has never read: `earliest-offset` (all of it: this is the load), `latest-offset` (partitions that come after the pipeline's first start are read from their first message on), `timestamp`, `specific-offsets`. A pipeline that has begun goes on where it stood.",
    },
  ),
  startupTimestampMs: optional(integer(0, 8_640_000_000_000_000, "milliseconds since 1970"), {
    name: "scan.startup.timestamp-millis",
    example: "1700000000000",
    doc: "With `scan.startup.mode: timestamp`: messages from then on.",
  }),
  startupOffsets: optional(KAFKA_OFFSETS, {
    name: "scan.startup.specific-offsets",
    example: "partition:0,offset:42;partition:1,offset:300",
    doc: "With `scan.startup.mode: specific-offsets` and one `topic`: the first offset of each partition, which it has to reach; others are begun at their earliest.",
  }),
  onLoss: defaulting(choice(["fail", "resync"]), "fail", {
    name: "on-loss",
    example: "resync",
    doc: "What happens when the messages that come next are gone: trimmed by the topic's retention, or with the topic itself, that was deleted and made anew. `fail` stops and says so, `resync` goes on with the oldest message that there is; rows that the lost messages deleted stay at the sink.",
  }),
} as const;

/** The consumer group, and how is fetched. */
const GROUP = {
  groupId: optional(text, {
    name: "properties.group.id",
    example: "millrace-shop",
    defaultDoc: "`millrace-` and the pipeline's name",
    doc: "The consumer group that shares the partitions among the processes of this pipeline. Its offsets are committed for show; positions are kept at the sink.",
  }),
  sessionTimeoutMs: defaulting(duration(1_000, HOUR_MS), 15_000, {
    name: "properties.session.timeout.ms",
    example: "15s",
    doc: "A process that is not heard of for so long loses its partitions to the others. Within the broker's `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.",
  }),
  heartbeatIntervalMs: defaulting(duration(100, HOUR_MS), 1_000, {
    name: "properties.heartbeat.interval.ms",
    example: "1s",
    doc: "How often a process says that it is there, and hears that partitions move.",
  }),
  fetchBytes: defaulting(byteSize(64 * 1024, 512 * MIB), MIB, {
    name: "properties.max.partition.fetch.bytes",
    example: "4mb",
    doc: "What one Fetch brings of a partition at most, compressed; a message that is larger comes alone. Two are in memory for each partition. More helps only where brokers are far away and partitions few: a partition brings this much for each time that a request takes there and back.",
  }),
  fetchWaitMs: defaulting(duration(1, 60_000), 500, {
    name: "properties.fetch.max.wait.ms",
    example: "500ms",
    doc: "How long a broker waits with its answer while there is nothing new; what comes is sent at once.",
  }),
} as const;

/** `source:` with `type: kafka`. */
export const KAFKA_SOURCE_OPTIONS = {
  ...KAFKA_CONNECTION,
  ...TOPICS,
  ...MESSAGES,
  ...STARTUP,
  ...GROUP,
} as const;

/** What `source:` with `type: kafka` is once it is parsed. */
export type KafkaSourceSection = OptionValues<typeof KAFKA_SOURCE_OPTIONS>;

const BY_THE_SINK = "has no meaning here: positions are kept at the sink, with the rows";

/** Flink's and Kafka Connect's keys that are taken and do nothing. */
export const KAFKA_SOURCE_ACCEPTED: AcceptedKeys = {
  keys: {
    ...KAFKA_CLIENT_ACCEPTED,
    "properties.enable.auto.commit": BY_THE_SINK,
    "properties.auto.commit.interval.ms": BY_THE_SINK,
    "properties.max.poll.records":
      "has no meaning here: properties.max.partition.fetch.bytes and pipeline.memory.budget bound what is read",
    "properties.max.poll.interval.ms":
      "has no meaning here: a process that is alive keeps its partitions, however long its sink takes",
    "properties.fetch.min.bytes": "has no meaning here: what comes is sent at once",
    "properties.fetch.max.bytes":
      "has no meaning here: each partition is fetched by itself, see properties.max.partition.fetch.bytes",
    "properties.check.crcs": "has no meaning here: they always are",
    "properties.key.deserializer": "has no meaning here: see value.format",
    "properties.value.deserializer": "has no meaning here: see value.format",
    "properties.auto.offset.reset": "has no meaning here: see scan.startup.mode and on-loss",
    "properties.isolation.level":
      "has no meaning here: only what is committed is read (read_committed)",
    "debezium-json.schema-include":
      "has no meaning here: each message tells whether it has its schema",
    "schema-change.enabled": "has no meaning here: see pipeline.schema.change.behavior",
  },
  prefixes: {},
};

const NO_LOAD = "Take it out: a topic is read from its begin, nothing is loaded beside it";

/** Keys that would change what happens and are not possible. */
export const KAFKA_SOURCE_REFUSED: Readonly<Record<string, string>> = {
  ...KAFKA_CLIENT_REFUSED,
  hostname: "Take it out: brokers are named by properties.bootstrap.servers",
  port: "Take it out: brokers are named by properties.bootstrap.servers",
  "scan.incremental.snapshot.chunk.size": NO_LOAD,
  "scan.snapshot.parallelism": NO_LOAD,
  "slot.name": "Take it out: a topic has no slot",
};
