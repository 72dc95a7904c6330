import { listOffsetsV7, offsetForLeaderEpochV4 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import { faultOf, rightsOf } from "./fault-from.ts";
import { isRights } from "./kafka-fault.ts";
import { type FetchAnswer, fetchRequest, type TopicPartition } from "./wire.ts";

/** The first offset that the broker still has. */
export const EARLIEST = -2n;
/** The offset that the next message gets. */
export const LATEST = -1n;
/** Transactions that are open count too, or only what is committed counts. */
export type Isolation = "uncommitted" | "committed";

/** How much a Fetch brings, and how long the broker waits for something to bring. */
export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  /** Where nothing is said, only what is committed. */
  readonly isolation?: Isolation;
  /** Of the message before the offset; −1, or nothing, where nobody knows. */
  readonly lastEpoch?: number;
  /** The answer's records stand in lent bytes: whoever is done with them says so by {@link Cluster.giveBack}. */
  readonly isLent?: boolean;
}

/** A partition of this very topic, where its id is given and the brokers can be asked by it. */
export interface FetchedPartition extends TopicPartition {
  readonly topicId?: string;
}

/** What brokers say of a topic that was made before they gave ids. */
export const NO_ID = "00000000-0000-0000-0000-000000000000";

/** One Fetch of a partition. @throws KafkaFault; `missing` where the topic of that name has another id. */
export function fetchPartition(
  cluster: Cluster,
  at: FetchedPartition,
  offset: number,
  limits: FetchLimits,
): Promise<FetchAnswer> {
  return atLeader(cluster, at, async (node) => {
    const { topicId = NO_ID } = at;
    const connection = await cluster.connection(node, limits.isLent === true ? "fetch" : "data");
    const isById = topicId !== NO_ID && (await cluster.spokenBy(connection)).fetchesById;
    const request = { ...at, ...limits, offset, topicId: isById ? topicId : null };
    const answer = await connection.send(fetchRequest(request));
    const fault = faultOf(answer.errorCode, `reading ${at.topic} ${at.partition}`);
    if (fault !== null) throw fault;
    return answer;
  });
}

/** The first offset whose message is not older than `timestamp`, or one of the two above; −1 where there is none. */
export function offsetAt(
  cluster: Cluster,
  at: TopicPartition,
  timestamp: bigint,
  isolation: Isolation,
): Promise<number> {
  const partition = { partitionIndex: at.partition, currentLeaderEpoch: -1, timestamp };
  const topics = [{ name: at.topic, partitions: [partition] }];
  const level = isolation === "committed" ? 1 : 0;
  return atLeader(cluster, at, async (node) => {
    const connection = await cluster.connection(node, "control");
    const answer = await connection.call(listOffsetsV7.api, -1, level, topics);
    return Number(answer.topics[0]?.partitions[0]?.offset ?? 0n);
  });
}

/**
 * Where a leader's epoch ends in the log of whoever leads now: behind its last message, or where a newer one begins. Null where that
 * log knows of no epoch so new; without end where whoever leads does not speak of it.
 */
export function epochEnd(
  cluster: Cluster,
  at: TopicPartition,
  leaderEpoch: number,
): Promise<number | null> {
  const partition = { partitionIndex: at.partition, currentLeaderEpoch: -1, leaderEpoch };
  const topics = [{ name: at.topic, partitions: [partition] }];
  return atLeader(cluster, at, async (node) => {
    const connection = await cluster.connection(node, "control");
    if (!(await cluster.spokenBy(connection)).tellsEpochs) return Infinity;
    const answer = await connection.call(offsetForLeaderEpochV4.api, -1, topics);
    const end = Number(answer.topics[0]?.partitions[0]?.endOffset ?? -1n);
    return end < 0 ? null : end;
  });
}

/** Where each of a topic's partitions ends, of what is committed: one question for each leader. @throws KafkaFault */
export async function topicEnds(
  cluster: Cluster,
  topic: string,
  count: number,
): Promise<readonly number[]> {
  const byLeader = new Map<number, number[]>();
  for (let partition = 0; partition < count; partition++) {
    const leader = await atLeader(cluster, { topic, partition }, (node) => Promise.resolve(node));
    const led = byLeader.get(leader);
    if (led === undefined) byLeader.set(leader, [partition]);
    else led.push(partition);
  }
  const ends = Array.from({ length: count }, () => 0);
  const asked = [...byLeader.values()].map(async (led) => {
    const at = { topic, partition: led[0] ?? 0 };
    const partitions = led.map((partitionIndex) => ({
      partitionIndex,
      currentLeaderEpoch: -1,
      timestamp: LATEST,
    }));
    const answer = await atLeader(cluster, at, async (node) => {
      const connection = await cluster.connection(node, "control");
      return connection.call(listOffsetsV7.api, -1, 1, [{ name: topic, partitions }]);
    });
    for (const { partitionIndex, offset } of answer.topics[0]?.partitions ?? [])
      ends[partitionIndex] = Number(offset);
  });
  await Promise.all(asked);
  return ends;
}

/** Another leader is looked for before the next attempt. */
async function atLeader<T>(
  cluster: Cluster,
  at: TopicPartition,
  ask: (node: number) => Promise<T>,
): Promise<T> {
  try {
    return await ask(await cluster.leader(at.topic, at.partition));
  } catch (thrown) {
    cluster.forgetTopic(at.topic);
    throw isRights(thrown) ? rightsOf(at.topic, thrown) : thrown;
  }
}
