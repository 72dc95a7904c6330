import type { Cluster } from "../../kafka/cluster.ts";
import { topicEnds } from "../../kafka/partition.ts";
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
    ends[topic] = await topicEnds(cluster, topic, count);
  }
  return { sinceMs: nowMs, partitions: Object.fromEntries(counts), ends };
}

/**
 * What a pipeline began with, for all partitions that one process begins: its tasks are asked until one of them keeps it, and
 * where there is none a look is taken. Of each task to ask all tasks would be quadratic.
 */
export class PipelineLook {
  readonly #take: () => Promise<FirstLook>;
  #taken: FirstLook | null = null;
  /** What is kept at the sink stays as it is; undefined as long as nothing is. */
  #kept: FirstLook | null | undefined = undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(take: () => Promise<FirstLook>) {
    this.#take = take;
  }

  /** Null where the pipeline began with all that there was. `histories` asks for those of all of its tasks. */
  of(histories: () => Promise<readonly Json[]>): Promise<FirstLook | null> {
    const find = () => this.#find(histories);
    // One after the other: mostly the first one finds it for all, and its failure is its own.
    const found = this.#turn.then(find, find);
    this.#turn = found;
    return found;
  }

  async #find(histories: () => Promise<readonly Json[]>): Promise<FirstLook | null> {
    if (this.#kept !== undefined) return this.#kept;
    const kept = await histories();
    // Whoever began otherwise has read all that there was.
    if (kept.length > 0) return (this.#kept = firstLookIn(kept));
    return (this.#taken ??= await this.#take());
  }
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
    isNumbers(list) ? [[topic, list] as const] : [],
  );
  return Object.fromEntries(lists);
}

function isNumbers(list: Json): list is number[] {
  return Array.isArray(list) && list.every((each) => typeof each === "number");
}

function memberOf(value: Json | null, name: string): Json | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.hasOwn(value, name) ? ((value as Record<string, Json>)[name] ?? null) : null;
}
