import type { MessageFormat } from "../../formats/format.ts";
import type { ClusterOptions } from "../../kafka/cluster-options.ts";
import type { Compression } from "../../kafka/compression.ts";
import type { TableTopics } from "../../schema/table-topics.ts";
import type { SideTopicOptions } from "./side-topics.ts";

/** Which partition of its topic a message goes to. */
export type Partitioning =
  /** By the key's bytes, as Kafka's own clients do. */
  | { readonly kind: "hash-by-key" }
  /** Everything into the first: one order for all. */
  | { readonly kind: "all-to-zero" }
  /** All messages of a table into one: one order for each table. */
  | { readonly kind: "table" }
  /** By some columns of the key. */
  | { readonly kind: "columns"; readonly columns: readonly string[] };

/** Which topics there are, and how missing ones are made. */
export interface TopicOptions {
  /** One for all tables; null: by {@link mapping} and {@link pattern}. */
  readonly topic: string | null;
  /** Topics by patterns of the target's name. */
  readonly mapping: TableTopics;
  /** `{schema}` and `{table}` are the target's. */
  readonly pattern: string;
  /** Null: the broker's defaults. */
  readonly partitions: number | null;
  readonly replicationFactor: number | null;
  readonly configs: ReadonlyMap<string, string>;
}

/** What a Kafka sink is made with. */
export interface KafkaSinkOptions {
  readonly cluster: Omit<ClusterOptions, "clock">;
  readonly topics: TopicOptions;
  readonly partitioning: Partitioning;
  readonly format: MessageFormat;
  /** Else at least once: without transactions, visible at once. */
  readonly exactlyOnce: boolean;
  readonly compression: Compression;
  /** No message and no batch is larger, whatever its topic takes, bytes. */
  readonly maxRequestBytes: number;
  /** The file says how many rows a transaction has at most. */
  readonly batchRowsAreGiven: boolean;
  /** Changes of one transaction at most, bytes. */
  readonly maxTransactionBytes: number;
  readonly transactionTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  /** The compacted topic of positions; null: `millrace-<pipeline>-state`. */
  readonly stateTopic: string | null;
  readonly side: SideTopicOptions;
}
