/** Sources of partitions for tests with real brokers. */
import { clusterOptionsAt } from "../../kafka/cluster.fixture.ts";
import { silentLogger, systemClock } from "../../model/ports.ts";
import { PipelineLook } from "./first-look.ts";
import type { KafkaSourceOptions } from "./options.ts";
import { PartitionSource } from "./partition-source.ts";

/** How it differs from what is usual. */
export interface SourceOptions {
  readonly startup?: KafkaSourceOptions["startup"];
  readonly partition?: number;
  readonly look?: PipelineLook;
  readonly fetchBytes?: number;
}

const noLook = new PipelineLook(() => Promise.resolve({ sinceMs: 0, partitions: {} }), systemClock);

/** A source of a partition at these brokers; to be closed. */
export function partitionSource(
  bootstrap: string,
  topic: string,
  {
    startup = { mode: "earliest-offset" },
    partition = 0,
    look = noLook,
    fetchBytes = 1_048_576,
  }: SourceOptions = {},
): PartitionSource {
  const options: KafkaSourceOptions = {
    cluster: clusterOptionsAt(bootstrap),
    choice: { topics: [topic], pattern: null },
    format: "debezium-json",
    unavailable: "gone",
    matches: () => true,
    primaryKeys: new Map(),
    startup,
    groupId: "none",
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 100,
    discoveryIntervalMs: 1_000,
    fetchBytes,
    fetchWaitMs: 50,
    unreadable: "fail",
    truncate: "refuse",
  };
  const context = {
    pipeline: "log",
    clock: systemClock,
    random: Math.random,
    log: silentLogger,
  };
  const counts = () => new Map([[topic, 1]]);
  return new PartitionSource(options, context, {
    topic,
    partition,
    counts,
    look,
    acknowledged: () => undefined,
  });
}
