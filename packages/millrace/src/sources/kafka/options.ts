import type { ClusterOptions } from "../../kafka/cluster-options.ts";

/** Where a partition that was never read before is begun with. */
export type KafkaStartup =
  | { readonly mode: "earliest-offset" | "latest-offset" }
  /** The first message whose time is not before this, milliseconds since 1970. */
  | { readonly mode: "timestamp"; readonly timestampMs: number }
  /** Offsets by partition, of the one topic that is read; others begin with their earliest. */
  | { readonly mode: "specific-offsets"; readonly offsets: ReadonlyMap<number, number> };

/** Which topics are read. */
export interface TopicChoice {
  /** By name. */
  readonly topics: readonly string[] | null;
  /** By a regular expression that matches the whole name; topics that appear are taken up. */
  readonly pattern: RegExp | null;
}

/** What becomes of a message that cannot be read. */
export type UnreadableMessages = "fail" | "skip";

/** Options of a Kafka source, normalised: every default is filled in, patterns are compiled. */
export interface KafkaSourceOptions {
  readonly cluster: Omit<ClusterOptions, "clock">;
  readonly choice: TopicChoice;
  readonly format: "debezium-json" | "plain-json";
  /** Debezium's word for a value that it does not have. */
  readonly unavailable: string;
  /** The tables to take, of those that messages are about. */
  readonly matches: (schema: string, name: string) => boolean;
  /** Keys of tables whose messages have another one, by `schema.table`. */
  readonly primaryKeys: ReadonlyMap<string, readonly string[]>;
  readonly startup: KafkaStartup;
  /** Of the consumer group that shares the partitions among processes. */
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How often topics and partitions are looked for. */
  readonly discoveryIntervalMs: number;
  readonly fetchBytes: number;
  readonly fetchWaitMs: number;
  readonly unreadable: UnreadableMessages;
  readonly truncate: "refuse" | "ignore";
}
