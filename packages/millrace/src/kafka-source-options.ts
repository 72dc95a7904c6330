import { clusterOptions } from "./kafka-cluster.ts";
import type { KafkaSourceConfig } from "./config/pipeline-config.ts";
import type { KafkaSourceOptions } from "./sources/kafka/options.ts";
import { tableFilter } from "./source-options.ts";

/** What a Kafka source is told. */
export function kafkaSourceOptions(config: KafkaSourceConfig): KafkaSourceOptions {
  return {
    cluster: clusterOptions(config),
    choice: { topics: config.topics, pattern: config.topicPattern },
    format: config.valueFormat,
    unavailable: config.unavailable,
    matches: tableFilter(config),
    primaryKeys: new Map(
      (config.primaryKeys ?? []).map(([table, columns]) => [
        table,
        columns.split(",").map((name) => name.trim()),
      ]),
    ),
    startup: config.startup,
    groupId: config.groupId,
    sessionTimeoutMs: config.sessionTimeoutMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    discoveryIntervalMs: config.discoveryIntervalMs,
    fetchBytes: config.fetchBytes,
    fetchWaitMs: config.fetchWaitMs,
    unreadable: config.ignoreParseErrors ? "skip" : "fail",
    truncate: config.onTruncate,
  };
}
