import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { EARLIEST, LATEST, offsetAt } from "../../kafka/partition.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import { type FirstLook, type FoundLook, hasSeen } from "./first-look.ts";
import type { KafkaStartup } from "./options.ts";

const EARLIEST_START: KafkaStartup = { mode: "earliest-offset" };

/** What is to be known of a partition that was never read before. */
interface NeverRead {
  readonly at: TopicPartition;
  readonly startup: KafkaStartup;
  /** What was lost is gone: what there is, is read. */
  readonly recreate: boolean;
  /** What the pipeline began with. */
  readonly look: () => Promise<FoundLook>;
}

/** Where a partition is begun with: the offset of the first message that is wanted. */
interface Beginning {
  readonly offset: number;
  /** To be kept; null where nothing goes by it, or it is kept. */
  readonly first: FirstLook | null;
}

/** See {@link Beginning}. @throws MillraceError MR_SOURCE_REFUSED of an offset that the partition does not reach. */
export async function beginningOf(cluster: Cluster, never: NeverRead): Promise<Beginning> {
  const { at, startup, recreate, look } = never;
  if (startup.mode !== "latest-offset")
    return {
      offset: await startOffset(cluster, at, recreate ? EARLIEST_START : startup),
      first: null,
    };
  const { first: found, isKept } = await look();
  const first = isKept ? null : found;
  const isLater = found === null || !hasSeen(found, at);
  if (recreate || isLater) return { offset: await startOffset(cluster, at, EARLIEST_START), first };
  return { offset: await sinceLook(cluster, at, found), first };
}

/** What was written since the pipeline has begun is wanted, whenever this partition is first read (I1). */
async function sinceLook(
  cluster: Cluster,
  at: TopicPartition,
  { sinceMs, ends }: FirstLook,
): Promise<number> {
  const end = ends?.[at.topic]?.[at.partition];
  // Looks of older programs have the time alone, which is another clock's than that of the messages.
  if (end === undefined)
    return startOffset(cluster, at, { mode: "timestamp", timestampMs: sinceMs });
  return Math.max(end, await offsetAt(cluster, at, EARLIEST, "uncommitted"));
}

async function startOffset(
  cluster: Cluster,
  at: TopicPartition,
  startup: KafkaStartup,
): Promise<number> {
  const earliest = await offsetAt(cluster, at, EARLIEST, "uncommitted");
  switch (startup.mode) {
    case "earliest-offset":
      return earliest;
    case "latest-offset":
      return offsetAt(cluster, at, LATEST, "committed");
    case "timestamp": {
      // Asked for first: what comes between the two questions is behind it.
      const latest = await offsetAt(cluster, at, LATEST, "committed");
      const found = await offsetAt(cluster, at, BigInt(startup.timestampMs), "uncommitted");
      return found >= 0 ? found : latest;
    }
    case "specific-offsets":
      return refuseBehindEnd(cluster, at, startup.offsets.get(at.partition) ?? earliest);
  }
}

/** It is a number of another topic, or of a cluster that has lost messages: what comes first would be passed over. */
async function refuseBehindEnd(
  cluster: Cluster,
  at: TopicPartition,
  offset: number,
): Promise<number> {
  const end = await offsetAt(cluster, at, LATEST, "uncommitted");
  if (offset <= end) return offset;
  throw new MillraceError(
    "MR_SOURCE_REFUSED",
    `scan.startup.specific-offsets begins ${at.topic} ${at.partition} at offset ${offset}, and it ends at ${end}`,
    { facts: { option: "source.scan.startup.specific-offsets" } },
  );
}
