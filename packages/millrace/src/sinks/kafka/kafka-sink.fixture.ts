/** Kafka sinks of tests. */
import { clusterOptionsAt } from "../../kafka/cluster.fixture.ts";
import type { ConnectorContext } from "../../model/source.ts";
import { canonicalFormat } from "./canonical-format.fixture.ts";
import { KafkaSink } from "./kafka-sink.ts";
import { TableTopics } from "../../schema/table-topics.ts";
import type { KafkaSinkOptions } from "./options.ts";

/** Options of a sink whose topics begin with `prefix`; rows are written as they are. */
export function sinkOptions(bootstrap: string, prefix: string): KafkaSinkOptions {
  return {
    cluster: { ...clusterOptionsAt(bootstrap), requestTimeoutMs: 15_000 },
    topics: {
      topic: null,
      mapping: new TableTopics([]),
      pattern: `${prefix}{schema}.{table}`,
      partitions: 2,
      replicationFactor: null,
      configs: new Map(),
    },
    partitioning: { kind: "hash-by-key" },
    format: canonicalFormat,
    exactlyOnce: true,
    compression: "none",
    maxRequestBytes: 1_048_576,
    batchRowsAreGiven: false,
    maxTransactionBytes: 16 * 2 ** 20,
    transactionTimeoutMs: 60_000,
    deliveryTimeoutMs: 20_000,
    stateTopic: `${prefix}state`,
    side: {
      heartbeat: null,
      transactions: null,
      schemaChanges: null,
      includeSchema: false,
      deadLetters: null,
      serverName: "test",
      create: "if-missing",
      replicationFactor: null,
    },
  };
}

/** A sink that is not open yet. */
export function kafkaSink(
  options: KafkaSinkOptions,
  { clock, random }: ConnectorContext,
): KafkaSink {
  return new KafkaSink(options, clock, random);
}
