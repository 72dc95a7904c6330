import type { Json } from "../../model/position.ts";
import type { TopicPartition } from "../../kafka/wire.ts";

/**
 * The partitions that there were when a pipeline began. Where it begins with the latest messages, it does so of these: one that
 * came later has no older messages, and all of it is wanted (I1). Each task keeps it, so that one that comes has it of the others.
 */
export interface FirstLook {
  /** When it was taken, milliseconds since 1970: of several the first one counts. */
  readonly sinceMs: number;
  /** How many each topic had. */
  readonly partitions: Readonly<Record<string, number>>;
}

/** A look of now. */
export function lookNow(nowMs: number, counts: ReadonlyMap<string, number>): FirstLook {
  return { sinceMs: nowMs, partitions: Object.fromEntries(counts) };
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
  return { sinceMs, partitions: Object.fromEntries(counts) };
}

function memberOf(value: Json | null, name: string): Json | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.hasOwn(value, name) ? ((value as Record<string, Json>)[name] ?? null) : null;
}
