import type { TaskSettings } from "../../pipeline/settings.ts";
import { SeededRandom } from "../../pipeline/simulation/seeded-random.ts";
import type { KafkaSourceOptions } from "../../sources/kafka/options.ts";
import { type TopicPlan, UNAVAILABLE, type WorkloadOptions } from "./workload.ts";

/** What a seed plays. */
export interface TopicProfile extends WorkloadOptions {
  readonly processes: number;
  /** How many things go wrong besides lost connections. */
  readonly faults: number;
  /** How often a request's connection is lost. */
  readonly lost: number;
  readonly sinkFaults: { readonly lostBefore: number; readonly lostAnswer: number };
  readonly impatience: number;
  readonly source: Omit<KafkaSourceOptions, "cluster">;
  readonly settings: TaskSettings;
}

/** Draws a profile. */
export function drawTopics(seed: number): TopicProfile {
  const random = new SeededRandom(seed ^ 0x70b1c5);
  const count = random.between(1, 3);
  const kinds = ["keyed", "keyless", "compacted", "rekeyed"] as const;
  const topics = Array.from({ length: count }, (_, i) => planOf(i, random.pick(kinds), random));
  const rekeyed = topics.filter(({ rekeyed: isOne }) => isOne);
  return {
    topics,
    producers: random.between(1, 3),
    writes: random.between(10, 60),
    processes: random.between(1, 3),
    faults: random.between(0, 12),
    lost: random.pick([0, 0, 0.002, 0.01]),
    sinkFaults: {
      lostBefore: random.pick([0, 0.01]),
      lostAnswer: random.pick([0, 0.02, 0.06]),
    },
    impatience: random.pick([0, 0.02, 0.1]),
    source: {
      choice: { topics: null, pattern: /^topic\d$/ },
      format: "debezium-json",
      unavailable: UNAVAILABLE,
      matches: () => true,
      primaryKeys: new Map(rekeyed.map(({ table }) => [`public.${table}`, ["id"]])),
      startup: { mode: "earliest-offset" },
      groupId: "topics",
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 1_000,
      discoveryIntervalMs: 5_000,
      fetchBytes: 1_000_000,
      fetchWaitMs: 1_000,
      unreadable: "fail",
      truncate: "refuse",
    },
    settings: {
      parallelism: random.pick([1, 1, 2]),
      schemaChangeBehavior: "evolve",
      dropTables: false,
      create: "if-missing",
      sharedTargets: false,
      compaction: random.chance(0.7),
      batchRows: random.pick([2, 5, 50]),
      flushIntervalMs: 0,
      chunkRows: 2,
      snapshotParallelism: 1,
      maxRowsPerSecond: null,
      maxBytesPerSecond: null,
      loadGivesWay: false,
      maxRetainedBytes: null,
      maxRetainedAction: "warn",
      fullLoad: false,
      onLoss: "fail",
      deadLetters: "fail",
      maxDeadLetters: 1,
      maxDeadLetterShare: 1,
    },
  };
}

function planOf(
  number: number,
  kind: "keyed" | "keyless" | "compacted" | "rekeyed",
  random: SeededRandom,
): TopicPlan {
  return {
    name: `topic${number}`,
    table: `t${number}`,
    partitions: random.between(1, 3),
    keyless: kind === "keyless",
    compacts: kind === "compacted",
    rekeyed: kind === "rekeyed",
    keys: random.between(1, 8),
  };
}
