import type { Cluster } from "./cluster.ts";
import { committedBatches, DecidedBatches, offsetBehind } from "./committed-batches.ts";
import { KafkaFault, mayComeToBe } from "./kafka-fault.ts";
import { EARLIEST, type FetchedPartition, fetchPartition, LATEST, offsetAt } from "./partition.ts";
import { readBatches, RecordCursor } from "./record-reader.ts";

const FETCH_LIMITS = { maxWaitMs: 100, maxBytes: 8 * 2 ** 20 };

/**
 * How far a topic is read. `stable`: to the first transaction that is open, which may be ours; a look. `end`: to where it
 * ends now, and a transaction that is open is waited for, because what stands behind it is told only then. `decided`: to where
 * it ends now, and of transactions that are open then nothing is told: for who knows that its own are not.
 */
export type ReadUntil = "stable" | "end" | "decided";

/** How long a reading may take, milliseconds; one number is all of it. */
export interface ReadTimes {
  /** All of it: a transaction of somebody else that is open may have to end. */
  readonly wholeMs: number;
  /** Until a broker answers; as long as all of it where nothing else is said. */
  readonly answerMs?: number;
}

/**
 * Reads a partition from its begin on, committed records only.
 * @param each called for every record, in order; what the cursor shows is good during the call
 * @returns where the partition begins
 * @throws KafkaFault
 */
export async function readTopic(
  cluster: Cluster,
  at: FetchedPartition,
  until: ReadUntil,
  times: ReadTimes | number,
  each: (record: RecordCursor) => void,
): Promise<number> {
  const { wholeMs, answerMs = wholeMs }: ReadTimes =
    typeof times === "number" ? { wholeMs: times } : times;
  const deadlineMs = cluster.clock.monotonic() + wholeMs;
  const patiently = <T>(attempt: () => Promise<T>): Promise<T> => {
    const leftMs = deadlineMs - cluster.clock.monotonic();
    return cluster.patiently(Math.min(answerMs, leftMs), attempt, mayComeToBe);
  };
  const inTime = (why: string): void => {
    if (cluster.clock.monotonic() <= deadlineMs) return;
    const detail = `${at.topic} cannot be read to its end: ${why}`;
    throw new KafkaFault("retriable", "TRANSACTION_OPEN", detail);
  };
  const end = await patiently(() =>
    offsetAt(cluster, at, LATEST, until === "stable" ? "committed" : "uncommitted"),
  );
  const begin = await patiently(() => offsetAt(cluster, at, EARLIEST, "uncommitted"));
  let offset = begin;
  while (offset < end) {
    const from = offset;
    const answer = await patiently(() => fetchPartition(cluster, at, from, FETCH_LIMITS));
    for (const batch of committedBatches(answer)) readBatch(batch, from, each);
    offset = offsetBehind(answer, offset);
    if (offset === from && until === "decided" && answer.lastStableOffset <= from) break;
    if (offset < end) inTime(`a transaction in it has been open for ${wholeMs} ms`);
  }
  if (offset < end) await readDecided({ patiently, inTime, cluster, at, offset, end }, each);
  return begin;
}

interface OpenEnd {
  readonly patiently: <T>(attempt: () => Promise<T>) => Promise<T>;
  readonly inTime: (why: string) => void;
  readonly cluster: Cluster;
  readonly at: FetchedPartition;
  /** Of the first open transaction. */
  readonly offset: number;
  readonly end: number;
}

/** What is decided behind an open transaction. */
async function readDecided(
  { patiently, inTime, cluster, at, offset: begin, end }: OpenEnd,
  each: (record: RecordCursor) => void,
): Promise<void> {
  const decided = new DecidedBatches();
  const limits = { ...FETCH_LIMITS, isolation: "uncommitted" } as const;
  for (let offset = begin; offset < end;) {
    const from = offset;
    const answer = await patiently(() => fetchPartition(cluster, at, from, limits));
    for (const batch of readBatches(answer.records))
      if (batch.lastOffset >= from) for (const one of decided.take(batch)) readBatch(one, 0, each);
    offset = offsetBehind(answer, offset);
    if (offset < end) inTime("a broker does not send all of it in time");
  }
}

/** A broker sends whole batches: the first one may begin before what was asked for. */
function readBatch(
  batch: ConstructorParameters<typeof RecordCursor>[0],
  from: number,
  each: (record: RecordCursor) => void,
): void {
  const cursor = new RecordCursor(batch);
  while (cursor.next()) if (cursor.offset >= from) each(cursor);
}
