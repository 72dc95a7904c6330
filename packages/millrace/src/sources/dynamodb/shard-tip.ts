import { RETENTION_MS } from "./age-rules.ts";

/** The first and the last of the answers that prove a tip are so far apart. */
const APART_MS = 1_000;
/** Two answers are enough for so much of a shard's life that nothing is known of. */
const NEAR_MS = 60_000;
/** One more for each further ten minutes: shards live for hours, */
const FURTHER_MS = 600_000;
/** and nobody knows of more than a few empty answers in a row. */
const MOST_ANSWERS = 20;

interface EmptyAnswers {
  readonly serviceMs: number;
  readonly ms: number;
  count: number;
}

/**
 * When a shard counts as read to its tip. The service promises nothing of an open one: an answer without records only says that there
 * are none in the portion that the iterator points to, "it might take multiple calls to get to a portion of the shard that contains stream
 * records" (Streams API reference, `GetRecords`). What is certain is the time of the last record, and the end of a closed shard. So the longer
 * the time that an iterator may have to go through, the more answers have to be empty in a row; at the tip two are enough.
 */
export class ShardTip {
  /** The iterator stands behind everything of before, the service's clock. */
  #passedMs: number;
  #answers: EmptyAnswers | null = null;
  #isProven = false;

  /** An iterator that stands where the shard was at that time; everything that lives still is before it where that is unknown. */
  constructor(passedMs: number) {
    this.#passedMs = passedMs;
  }

  /** All that there was is read, as far as anybody can tell. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** It takes more than two answers: they are asked for at a quicker pace. */
  get isFar(): boolean {
    return this.#answers !== null && neededFor(this.#answers.serviceMs - this.#passedMs) > 2;
  }

  /** Records came, the last one of that time: the iterator stands behind it. */
  passed(timeMs: number): void {
    this.#passedMs = timeMs;
    this.#answers = null;
    this.#isProven = false;
  }

  /** No records came, though more may. Up to when all is read now, the service's clock; null where that is not known. */
  empty(serviceMs: number, ms: number): number | null {
    this.#answers ??= { serviceMs, ms, count: 0 };
    const first = this.#answers;
    first.count++;
    const needed = neededFor(first.serviceMs - this.#passedMs);
    if (first.count < needed || ms - first.ms < APART_MS) return null;
    this.#isProven = true;
    this.#passedMs = Math.max(this.#passedMs, first.serviceMs);
    this.#answers = { serviceMs, ms, count: 1 };
    return first.serviceMs;
  }
}

function neededFor(unknownMs: number): number {
  const furtherMs = Math.min(unknownMs, RETENTION_MS) - NEAR_MS;
  return Math.min(MOST_ANSWERS, 2 + Math.ceil(Math.max(0, furtherMs) / FURTHER_MS));
}
