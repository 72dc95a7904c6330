// A topic read to its end without a sink: fetched, and fetched and made into changes, which are thrown away.
import { Cluster } from "../../packages/millrace/src/kafka/cluster.ts";
import {
  committedBatches,
  offsetBehind,
} from "../../packages/millrace/src/kafka/committed-batches.ts";
import { fetchPartition, LATEST, offsetAt } from "../../packages/millrace/src/kafka/partition.ts";
import type { KafkaSourceOptions } from "../../packages/millrace/src/sources/kafka/options.ts";
import { PipelineLook } from "../../packages/millrace/src/sources/kafka/first-look.ts";
import { PartitionSource } from "../../packages/millrace/src/sources/kafka/partition-source.ts";
import { nextOffset } from "../../packages/millrace/src/sources/kafka/position.ts";
import { systemClock } from "../../packages/millrace/src/model/ports.ts";
import { CONTEXT } from "../replay/live-source.ts";

/** As a pipeline file has them unless it says otherwise. */
const FETCH = { maxBytes: 2 ** 20, maxWaitMs: 500, isLent: true };
const MAX_VALUE_BYTES = 2 ** 20;

/** A topic that nobody writes any more. */
export interface ReadTopic {
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly rows: number;
}

/** What reading it came to. */
export interface ReadAlone {
  readonly rowsPerSecond: number;
  readonly cpuSeconds: number;
}

/** All partitions at once, as a process that has all of them; `decodes` makes changes of the messages. */
export async function readAlone(read: ReadTopic, decodes: boolean): Promise<ReadAlone> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const counts = await Promise.all(
    Array.from({ length: read.partitions }, (_, partition) =>
      decodes ? changesIn(read, partition) : recordsIn(read, partition),
    ),
  );
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const found = counts.reduce((sum, count) => sum + count, 0);
  if (found < read.rows) throw new Error(`the topic was read to ${found} rows of ${read.rows}`);
  return { rowsPerSecond: read.rows / seconds, cpuSeconds: (user + system) / 1e6 };
}

async function recordsIn({ bootstrap, topic }: ReadTopic, partition: number): Promise<number> {
  const cluster = new Cluster({ ...clusterOptions(bootstrap), clock: systemClock });
  const at = { topic, partition };
  try {
    const end = await offsetAt(cluster, at, LATEST, "committed");
    let records = 0;
    for (let offset = 0; offset < end;) {
      const answer = await fetchPartition(cluster, at, offset, FETCH);
      for (const { count } of committedBatches(answer)) records += count;
      offset = offsetBehind(answer, offset);
      cluster.giveBack(answer.records);
    }
    return records;
  } finally {
    await cluster.close();
  }
}

async function changesIn(read: ReadTopic, partition: number): Promise<number> {
  const { topic, partitions } = read;
  const source = new PartitionSource(sourceOptions(read), CONTEXT, {
    topic,
    partition,
    counts: () => new Map([[topic, partitions]]),
    look: new PipelineLook(() => Promise.resolve({ sinceMs: 0, partitions: {} }), systemClock),
    acknowledged: () => undefined,
  });
  try {
    const tables = new Map((await source.discover()).map(({ shape }) => [shape.id, shape]));
    const { start } = await source.prepare([...tables.values()], null);
    const end = nextOffset(await source.logEnd());
    const log = await source.openLog({ from: start, tables, maxValueBytes: MAX_VALUE_BYTES });
    let changes = 0;
    for (let at = start; nextOffset(at) < end;) {
      const { items, position } = await log.next();
      changes += items.length;
      at = position;
    }
    await log.close();
    return changes;
  } finally {
    await source.close();
  }
}

function sourceOptions({ bootstrap, topic }: ReadTopic): KafkaSourceOptions {
  return {
    cluster: clusterOptions(bootstrap),
    choice: { topics: [topic], pattern: null },
    format: "debezium-json",
    unavailable: "__debezium_unavailable_value",
    matches: () => true,
    primaryKeys: new Map(),
    startup: { mode: "earliest-offset" },
    groupId: "none",
    sessionTimeoutMs: 15_000,
    heartbeatIntervalMs: 1_000,
    discoveryIntervalMs: 30_000,
    fetchBytes: FETCH.maxBytes,
    fetchWaitMs: FETCH.maxWaitMs,
    unreadable: "fail",
    truncate: "refuse",
  };
}

function clusterOptions(bootstrap: string): KafkaSourceOptions["cluster"] {
  const [host = "", port = ""] = bootstrap.split(":");
  return {
    bootstrap: [{ host, port: Number(port) }],
    clientId: "bench",
    tls: null,
    sasl: null,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 30_000,
  };
}
