import type { KafkaSinkConfig } from "./config/pipeline-config.ts";
import { createFormat } from "./formats/create-format.ts";
import type { FormatOptions, RegistryOptions } from "./formats/format.ts";
import { GenericSourceBlock } from "./formats/generic-source-block.ts";
import { TransactionMeter } from "./formats/transaction-meter.ts";
import { clusterOptions } from "./kafka-cluster.ts";
import type { OriginNames, SourceBlock } from "./model/source-block.ts";
import { TableTopics } from "./schema/table-topics.ts";
import type { KafkaSink } from "./sinks/kafka/kafka-sink.ts";
import type { KafkaSinkOptions, Partitioning } from "./sinks/kafka/options.ts";
import type { SideTopicOptions } from "./sinks/kafka/side-topics.ts";
import { isSharedTopic } from "./sinks/kafka/topic-names.ts";
import { type SinkContext, SINKS } from "./sinks/registry.ts";
import { VERSION } from "./version.ts";

/** The block that messages have of their source, under these names; null where the source has none. */
export type OriginOf = (names: OriginNames) => SourceBlock | null;

/** Makes the sink that a file describes. Opens nothing. The client is loaded only where it is wanted. */
export function buildKafkaSink(
  config: KafkaSinkConfig,
  context: SinkContext,
  origin: OriginOf,
): Promise<KafkaSink> {
  return SINKS.kafka(kafkaSinkOptions(config, origin), context);
}

/** What the sink is told. */
function kafkaSinkOptions(config: KafkaSinkConfig, origin: OriginOf): KafkaSinkOptions {
  const names = { serverName: config.topicPrefix, version: VERSION };
  const block = origin(names);
  const meter = config.transactionMetadata
    ? new TransactionMeter((transaction) => block?.transactionId?.(transaction) ?? transaction.id)
    : null;
  const topics = {
    topic: config.topic,
    mapping: new TableTopics(config.topicMapping ?? []),
    pattern: config.topicPattern,
    partitions: config.topicPartitions,
    replicationFactor: config.topicReplication,
    configs: new Map(config.topicConfigs ?? []),
  };
  const isShared = (topic: string) => isSharedTopic(topics, topic);
  return {
    cluster: clusterOptions(config),
    topics,
    partitioning: partitioningOf(config.partitionStrategy),
    format: createFormat(formatOptions(config), { names, block, meter, isShared }),
    exactlyOnce: config.deliveryGuarantee === "exactly-once",
    compression: config.compression,
    maxRequestBytes: config.maxRequestBytes,
    batchRowsAreGiven: config.batchRowsAreGiven,
    maxTransactionBytes: config.maxTransactionBytes,
    transactionTimeoutMs: config.transactionTimeoutMs,
    deliveryTimeoutMs: config.deliveryTimeoutMs,
    stateTopic: config.stateTopic,
    side: sideTopics(config, meter, block ?? new GenericSourceBlock(names)),
  };
}

function sideTopics(
  config: KafkaSinkConfig,
  meter: TransactionMeter | null,
  block: SourceBlock,
): SideTopicOptions {
  const { heartbeatTopic, schemaChangesTopic, deadLettersTopic, topicPrefix: serverName } = config;
  return {
    heartbeat:
      heartbeatTopic === null
        ? null
        : { topic: heartbeatTopic, intervalMs: config.heartbeatTopicIntervalMs },
    transactions:
      meter === null
        ? null
        : { topic: config.transactionTopic ?? `${serverName}.transaction`, meter },
    schemaChanges: schemaChangesTopic === null ? null : { topic: schemaChangesTopic, block },
    deadLetters: deadLettersTopic === null ? null : { topic: deadLettersTopic },
    serverName,
    includeSchema: config.includeSchema,
    create: config.create,
    replicationFactor: config.topicReplication,
  };
}

function formatOptions(config: KafkaSinkConfig): FormatOptions {
  return {
    value: config.valueFormat,
    key: config.keyFormat,
    keyWithTable: false,
    includeSchema: config.includeSchema,
    tombstones: config.tombstones,
    tableIdHeaders: config.tableIdHeaders,
    customHeaders: (config.customHeaders ?? []).map(([name, value]) => ({ name, value })),
    generationMarkers: config.generationMarkers,
    values: {
      decimal: config.decimalMode,
      time: config.timeMode,
      binary: config.binaryMode,
      interval: config.intervalMode,
      hstore: config.hstoreMode,
      bigintUnsigned: config.bigintUnsignedMode,
      unavailable: config.unavailable,
    },
    registry: registryOf(config),
    envelope: {
      document: config.envelopeDocument,
      names: config.envelopeNames,
      add: new Set(config.envelopeAdd ?? []),
    },
  };
}

/** Null where nothing is written in Avro. */
function registryOf(config: KafkaSinkConfig): RegistryOptions | null {
  const { registryUrls: urls, registrySubject, registryRegister: register } = config;
  if (urls === null) return null;
  const { registryUsername: username, registryPassword, registryToken } = config;
  const token = registryToken?.reveal() ?? null;
  const password = registryPassword?.reveal() ?? null;
  const basic =
    username === null || password === null
      ? null
      : ({ kind: "basic", username, password } as const);
  return {
    urls,
    auth: token === null ? basic : { kind: "bearer", token },
    subject: SUBJECTS[registrySubject],
    register,
    timeoutMs: config.registryTimeoutMs,
  };
}

const SUBJECTS = {
  TopicNameStrategy: "TopicName",
  RecordNameStrategy: "RecordName",
  TopicRecordNameStrategy: "TopicRecordName",
} as const;

const BY_COLUMNS = "columns:";

function partitioningOf(strategy: string): Partitioning {
  if (strategy.startsWith(BY_COLUMNS)) {
    const columns = strategy.slice(BY_COLUMNS.length).split(",");
    return { kind: "columns", columns: columns.map((name) => name.trim()) };
  }
  if (strategy === "all-to-zero" || strategy === "table") return { kind: strategy };
  return { kind: "hash-by-key" };
}
