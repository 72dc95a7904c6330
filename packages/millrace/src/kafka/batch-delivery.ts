import { BrokerQuota } from "./broker-quota.ts";
import type { Cluster } from "./cluster.ts";
import { anotherTopic, partitionFault } from "./fault-from.ts";
import { KafkaFault, mayComeToBe } from "./kafka-fault.ts";
import { OPEN_SHARE, type OpenTransaction } from "./open-transaction.ts";
import { NO_ID } from "./partition.ts";
import { bytesOf, explained, inRequests } from "./produce-sizes.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { type ProducedAnswer, produceRequest, type TopicPartition } from "./wire.ts";

/** A batch with its place in the sequence of its partition. */
export interface FinishedBatch extends TopicPartition {
  readonly topicId: string;
  readonly bytes: Buffer;
  readonly count: number;
}

/** Batches that are sent, until all of them are taken. */
export interface Sending {
  /** For so long a quota has held them back. */
  restedMs: number;
  /** The answer to some of them was lost: they may be on their way still. */
  mayComeLate: boolean;
}

/** One attempt after the other to bring batches to the leaders of their partitions. */
export class BatchDelivery {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #open: OpenTransaction;
  readonly #quota: BrokerQuota;
  /** The offset behind what was acknowledged last, by partition; whatever the epoch. */
  readonly #ends = new Map<string, number>();

  constructor(cluster: Cluster, options: ProducerOptions, open: OpenTransaction) {
    this.#cluster = cluster;
    this.#options = options;
    this.#open = open;
    this.#quota = new BrokerQuota(cluster.clock);
  }

  /** Brokers that hold this client back by a quota, and for how long from now. */
  get heldBack(): ReturnType<BrokerQuota["list"]> {
    return this.#quota.list();
  }

  /** This topic is taken away: one of its name that is made anew begins at its beginning. */
  leave(topic: string): void {
    for (const key of this.#ends.keys()) if (key.endsWith(`/${topic}`)) this.#ends.delete(key);
  }

  /** To every leader what it leads; gives what has to be sent again, and why. @throws KafkaFault */
  async send(
    batches: readonly FinishedBatch[],
    sending: Sending,
  ): Promise<{ readonly failed: FinishedBatch[]; readonly fault: KafkaFault | null }> {
    await this.#lookBeforeFirst(batches);
    const leaders = await Promise.all(batches.map((batch) => this.#leader(batch)));
    const parts = Map.groupBy(batches, (batch) => leaders[batches.indexOf(batch)] ?? -1);
    const faults = await allEnded(
      [...parts].flatMap(([node, led]) =>
        inRequests(led, this.#options.maxRequestBytes).map((own) =>
          this.#quota.inTurn(node, async () => {
            await this.#untilHeard(node, sending);
            return this.#produce(node, own, sending);
          }),
        ),
      ),
    );
    const all = new Map(faults.flatMap((each) => [...each]));
    for (const fault of all.values()) if (!mayComeToBe(fault)) throw fault;
    const failed = batches.filter((batch) => all.has(batch));
    for (const { topic } of failed) this.#cluster.forgetTopic(topic);
    const [fault = null] = all.values();
    return { failed, fault };
  }

  /**
   * Offsets tell that a topic is another one where something of ours was in a partition. Elsewhere a broker that is not told the
   * topic's id would take what is meant for the one before (I8).
   */
  async #lookBeforeFirst(batches: readonly FinishedBatch[]): Promise<void> {
    const names = new Set<string>();
    for (const batch of batches)
      if (batch.topicId !== NO_ID && !this.#ends.has(keyOf(batch)) && !names.has(batch.topic))
        if (!(await this.#isWrittenById(batch))) names.add(batch.topic);
    if (names.size > 0) await this.#cluster.topics([...names]);
  }

  /** Where nobody can tell at the moment: no. */
  async #isWrittenById({ topic, partition }: TopicPartition): Promise<boolean> {
    try {
      const leader = await this.#cluster.leader(topic, partition);
      const connection = await this.#cluster.connection(leader, "data");
      return (await this.#cluster.spokenBy(connection)).producesById;
    } catch (thrown) {
      if (thrown instanceof KafkaFault) return false;
      throw thrown;
    }
  }

  /** @throws KafkaFault `replaced` where the topic of that name has another id. */
  async #leader({ topic, topicId, partition }: FinishedBatch): Promise<number> {
    const leader = await this.#cluster.leader(topic, partition);
    const id = this.#cluster.idOf(topic);
    if (topicId !== NO_ID && id !== null && id !== topicId) throw anotherTopic(topic);
    return leader;
  }

  /** Until a broker reads what is sent to it. @throws KafkaFault `slow` */
  async #untilHeard(node: number, sending: Sending): Promise<void> {
    const restMs = this.#quota.restMs(node);
    this.#open.refuseLate(OPEN_SHARE, restMs);
    if (restMs > 0) {
      sending.restedMs += restMs;
      await this.#cluster.rest(restMs);
    }
    this.#open.opens();
  }

  /** The faults of those batches that were not taken. */
  async #produce(
    node: number,
    batches: readonly FinishedBatch[],
    sending: Sending,
  ): Promise<ReadonlyMap<FinishedBatch, KafkaFault>> {
    const { transactionalId, transactional, acknowledgeTimeoutMs: timeoutMs } = this.#options;
    const id = transactional ? transactionalId : null;
    try {
      const connection = await this.#cluster.connection(node, "data");
      const { produceVersion: version, producesById } = await this.#cluster.spokenBy(connection);
      const isById = producesById && batches.every(({ topicId }) => topicId !== NO_ID);
      const beganMs = this.#cluster.clock.monotonic();
      const { partitions, throttledMs } = await connection.send(
        produceRequest({ version, isById, transactionalId: id, timeoutMs, batches }),
      );
      this.#quota.answered(node, throttledMs);
      this.#options.produced?.(this.#cluster.clock.monotonic() - beganMs, throttledMs);
      return this.#faultsIn(batches, partitions);
    } catch (thrown) {
      if (!(thrown instanceof KafkaFault)) throw thrown;
      // Whether the broker has them, or gets them yet, nobody knows; by their sequence numbers it takes none twice.
      sending.mayComeLate = true;
      const fault = explained(thrown, bytesOf(batches));
      return new Map(batches.map((batch) => [batch, fault]));
    }
  }

  #faultsIn(
    batches: readonly FinishedBatch[],
    answers: readonly ProducedAnswer[],
  ): ReadonlyMap<FinishedBatch, KafkaFault> {
    const byKey = new Map(answers.map((answer) => [keyOf(answer), answer]));
    const faults = new Map<FinishedBatch, KafkaFault>();
    for (const batch of batches) {
      const answer = byKey.get(keyOf(batch));
      const fault = answer === undefined ? silence(batch) : this.#faultIn(batch, answer);
      if (fault !== null) faults.set(batch, fault);
    }
    return faults;
  }

  /** Offsets of a partition only grow: where they do not, it is another one, or has lost what was acknowledged (I8). */
  #faultIn(
    batch: FinishedBatch,
    { errorCode, message, baseOffset }: ProducedAnswer,
  ): KafkaFault | null {
    const fault = partitionFault(batch, errorCode, message);
    // It has this batch: an earlier answer was lost.
    if (fault !== null) return fault.id === "DUPLICATE_SEQUENCE_NUMBER" ? null : fault;
    if (baseOffset < 0) return null;
    const end = this.#ends.get(keyOf(batch)) ?? 0;
    this.#ends.set(keyOf(batch), baseOffset + batch.count);
    return baseOffset < end ? replaced(batch, baseOffset, end) : null;
  }
}

/** Where one has failed, too, nothing of them is under way any more: behind the end of its transaction it would be of the next one. */
async function allEnded<T>(works: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

/** A key of a partition among all. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`;
}

function replaced({ topic, partition }: TopicPartition, offset: number, end: number): KafkaFault {
  return new KafkaFault(
    "replaced",
    "OFFSETS_BEGIN_ANEW",
    `${topic} ${partition} writes at offset ${offset} and has had ${end} messages from here: it is another topic of that name, or has lost messages`,
    undefined,
    topic,
  );
}

function silence({ topic, partition }: TopicPartition): KafkaFault {
  return new KafkaFault(
    "connection",
    "NO_ANSWER",
    `a broker says nothing of ${topic} ${partition}`,
  );
}
