import type { Cluster } from "../../kafka/cluster.ts";
import { LATEST, offsetAt } from "../../kafka/partition.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import type { Json } from "../../model/position.ts";

/**
 * The partitions that there were when a pipeline began. Where it begins with the latest messages, it does so of these: one that
 * came later has no older messages, and all of it is wanted (I1). Each task keeps it, so that one that comes has it of the others.
 */
export interface FirstLook {
  /** When it was taken, milliseconds since 1970, by our clock: of several the first one counts. */
  readonly sinceMs: number;
  /** How many each topic had. */
  readonly partitions: Readonly<Record<string, number>>;
  /** Where each partition of a topic ended: the time of a message is told by its writer's clock, and this by none. Older looks have none. */
  readonly ends?: Readonly<Record<string, readonly number[]>>;
}

/** A look of now. @throws KafkaFault */
export async function lookNow(
  cluster: Cluster,
  nowMs: number,
  counts: ReadonlyMap<string, number>,
): Promise<FirstLook> {
  const ends: Record<string, readonly number[]> = {};
  for (const [topic, count] of counts) {
    const asked = Array.from({ length: count }, (_, partition) =>
      offsetAt(cluster, { topic, partition }, LATEST, "committed"),
    );
    ends[topic] = await Promise.all(asked);
  }
  return { sinceMs: nowMs, partitions: Object.fromEntries(counts), ends };
}

/** Pure: the look that the pipeline began with, by what its tasks keep; null where none of them has one. */
export function firstLookIn(histories: readonly Json[]): FirstLook | null {
  const looks = histories.map(lookIn).filter((look) => look !== null);
  return looks.toSorted((a, b) => a.sinceMs - b.sinceMs)[0] ?? null;
}

/** Pure: a partition was there at that look. */
export function hasSeen({ partitions }: FirstLook, { topic, partition }: TopicPartition): boolean {
  return partition < (partitions[topic] ?? 0);
}

/** What a task keeps of it, beside the topic's id. */
export function lookIn(history: Json): FirstLook | null {
  const look = memberOf(history, "first");
  const [sinceMs, partitions] = [memberOf(look, "sinceMs"), memberOf(look, "partitions")];
  if (typeof sinceMs !== "number" || typeof partitions !== "object" || partitions === null)
    return null;
  const counts = Object.entries(partitions).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  const ends = endsIn(memberOf(look, "ends"));
  return {
    sinceMs,
    partitions: Object.fromEntries(counts),
    ...(ends === null ? {} : { ends }),
  };
}

function endsIn(ends: Json | null): Readonly<Record<string, readonly number[]>> | null {
  if (typeof ends !== "object" || ends === null) return null;
  const lists = Object.entries(ends).flatMap(([topic, list]) =>
    Array.isArray(list) ? [[topic, list.map(Number)] as const] : [],
  );
  return Object.fromEntries(lists);
}

function memberOf(value: Json | null, name: string): Json | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.hasOwn(value, name) ? ((value as Record<string, Json>)[name] ?? null) : null;
}
