import type { Cluster } from "../../kafka/cluster.ts";
import { topicEnds } from "../../kafka/partition.ts";
import type { TopicPartition } from "../../kafka/wire.ts";
import type { Clock } from "../../model/ports.ts";
import type { Json } from "../../model/position.ts";

/** So long tasks wait for the one that keeps the look for them all, before they keep it themselves. */
const KEEPER_MS = 10_000;

/**
 * The partitions that there were when a pipeline began. Where it begins with the latest messages, it does so of these: one that
 * came later has no older messages, and all of it is wanted (I1). The task that begins first keeps it for all that come.
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

/** What a partition begins by. */
export interface FoundLook {
  /** Null where the pipeline began with all that there was. */
  readonly first: FirstLook | null;
  /** It is durable at the sink, in what this or another task keeps. */
  readonly isKept: boolean;
}

/**
 * What a pipeline began with, for all partitions that one process begins: its tasks are asked until one of them keeps it, and
 * where there is none a look is taken. Of each task to ask all tasks would be quadratic, and so would be to keep it in each: whoever
 * finds it durable keeps none. So the first one is waited for, for a while: what is right does not hang on it.
 */
export class PipelineLook {
  readonly #take: () => Promise<FirstLook>;
  readonly #clock: Clock;
  #taken: FirstLook | null = null;
  /** What is kept at the sink stays as it is; undefined as long as nothing is. */
  #kept: FirstLook | null | undefined = undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** The task that was given the look to keep it has begun, or never will. */
  #keeper: Promise<void> = Promise.resolve();
  #waits = true;

  constructor(take: () => Promise<FirstLook>, clock: Clock) {
    this.#take = take;
    this.#clock = clock;
  }

  /**
   * The look, found or taken.
   * @param settled once the task that asks has made durable what it begins with, or has ended before.
   */
  of(histories: () => Promise<readonly Json[]>, settled: Promise<void>): Promise<FoundLook> {
    const find = () => this.#find(histories, settled);
    // One after the other: mostly the first one finds it for all, and its failure is its own.
    const found = this.#turn.then(find, find);
    this.#turn = found;
    return found;
  }

  async #find(
    histories: () => Promise<readonly Json[]>,
    settled: Promise<void>,
  ): Promise<FoundLook> {
    if (this.#kept === undefined) await this.#forKeeper();
    if (this.#kept === undefined) {
      const kept = await histories();
      // Whoever began otherwise has read all that there was.
      if (kept.length > 0) this.#kept = firstLookIn(kept);
    }
    if (this.#kept !== undefined) return { first: this.#kept, isKept: true };
    this.#taken ??= await this.#take();
    this.#keeper = settled;
    return { first: this.#taken, isKept: false };
  }

  async #forKeeper(): Promise<void> {
    if (!this.#waits) return;
    const over = new AbortController();
    const late = this.#clock.sleep(KEEPER_MS, over.signal).then(
      () => (this.#waits = false),
      () => undefined,
    );
    await Promise.race([this.#keeper, late]);
    over.abort();
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
