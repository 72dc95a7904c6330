import { describeTransactionsV0, initProducerIdV4 } from "@platformatic/kafka";
import { BrokerQuota } from "./broker-quota.ts";
import type { Cluster } from "./cluster.ts";
import type { Compression } from "./compression.ts";
import { anotherTopic, faultOf, partitionFault } from "./fault-from.ts";
import { isPassing, KafkaFault, mayComeToBe } from "./kafka-fault.ts";
import { NO_ID } from "./partition.ts";
import { bytesOf, explained, inRequests } from "./produce-sizes.ts";
import type { RecordBatchBuilder } from "./record-batch.ts";
import { failedAsUndecided, lostAsUndecided } from "./undecided-commit.ts";
import {
  addPartitionsRequest,
  endTxnRequest,
  type PartitionAnswer,
  type ProducedAnswer,
  type ProducerIdentity,
  produceRequest,
  type TopicPartition,
} from "./wire.ts";

/** A batch that is to be sent; its builder is not touched until the answer is there. */
export interface OutgoingBatch extends TopicPartition {
  /** Where it is given, no other topic of the name takes the batch. */
  readonly topicId?: string;
  readonly builder: RecordBatchBuilder;
}

/** How a producer works. */
export interface ProducerOptions {
  readonly transactionalId: string;
  /** False: batches without a transaction (at least once); the epoch fences all the same, see {@link TransactionalProducer.renew}. */
  readonly transactional: boolean;
  readonly compression: Compression;
  /** The broker aborts what has been open for so long. */
  readonly transactionTimeoutMs: number;
  /** So long a batch, or the begin or end of a transaction, is tried again. */
  readonly deliveryTimeoutMs: number;
  /** How long a broker may wait for its replicas. */
  readonly acknowledgeTimeoutMs: number;
  /** No Produce is larger, unless one batch alone is; where it is absent a broker gets all that it leads at once. */
  readonly maxRequestBytes?: number;
  /** A Produce was answered after so long, and the broker reads nothing more of us for a while; milliseconds. */
  readonly produced?: (tookMs: number, throttledMs: number) => void;
}

interface FinishedBatch extends TopicPartition {
  readonly topicId: string;
  readonly bytes: Buffer;
  readonly count: number;
}

/** Batches that are sent, until all of them are taken. */
interface Sending {
  /** For so long a quota has held them back. */
  restedMs: number;
  /** The answer to some of them was lost: they may be on their way still. */
  mayComeLate: boolean;
}

/** An epoch at least once is renewed when it is so old: no broker forgets an id as soon, and a coordinator has 32,767 epochs of each producer id. */
export const RENEW_MS = 60_000;
/** Nothing more of a transaction is sent behind this share of its time: what is under way then, and its end, need the rest. */
export const OPEN_SHARE = 0.75;
/** Sequence numbers wrap here. */
const SEQUENCES = 2 ** 31;
/** So often a coordinator is asked at most whether it has ended a transaction, and after how many milliseconds again. */
export const MAX_ASKED = 20;
const ASK_AGAIN_MS = 1;
const ENDING: ReadonlySet<string> = new Set(["PrepareCommit", "PrepareAbort"]);

/**
 * One transactional id and its epochs. A failure of anything but a passing kind leaves the epoch dropped: what became of the
 * transaction is decided by {@link initialise}, and nothing is sent before that.
 */
export class TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  #identity: ProducerIdentity | null = null;
  #sequences = new Map<string, number>();
  #added = new Set<string>();
  /** The offset behind what was acknowledged last, by partition; whatever the epoch. */
  readonly #ends = new Map<string, number>();
  /** When its coordinator gave the epoch, by both clocks: one of them may stand still while the machine does. */
  #given = { monotonicMs: 0, wallMs: 0 };
  /** The last transaction has ended at its coordinator, too. */
  #ended: Promise<void> = Promise.resolve();
  #mayAsk = true;
  readonly #quota: BrokerQuota;
  /** When the first batch of the open transaction went, by the monotonic clock; null where none has. */
  #openedMs: number | null = null;
  /** Batches were given sequence numbers and never sent. */
  #hasGaps = false;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#quota = new BrokerQuota(cluster.clock);
    this.#options = options;
  }

  /** Nothing is open, and nothing of ours is undecided. */
  get isInitialised(): boolean {
    return this.#identity !== null;
  }

  /** Brokers that hold this client back by a quota, and for how long from now. */
  get heldBack(): ReturnType<BrokerQuota["list"]> {
    return this.#quota.list();
  }

  /** This topic is taken away: one of its name that is made anew begins at its beginning. */
  leave(topic: string): void {
    for (const key of this.#ends.keys()) if (key.endsWith(`/${topic}`)) this.#ends.delete(key);
  }

  /** What this producer wrote last may still be open or undecided: no more of it until {@link initialise}. */
  drop(): void {
    this.#identity = null;
  }

  /**
   * A new epoch. An open transaction of the id is aborted, one that is being committed is waited for; whoever has an older
   * epoch writes nothing any more (I5). With −1 and −1: what is known of an earlier epoch is not asked for.
   * @throws KafkaFault
   */
  async initialise(): Promise<void> {
    this.#begin(await this.#initialised({ producerId: -1n, producerEpoch: -1 }));
  }

  /** The next epoch; where what is `known` is not the last one any more, its coordinator refuses. */
  async #initialised(
    known: Pick<ProducerIdentity, "producerId" | "producerEpoch">,
  ): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs, deliveryTimeoutMs } = this.#options;
    this.drop();
    const answer = await this.#cluster.patiently(deliveryTimeoutMs, () =>
      this.#atCoordinator(async (node) => {
        const connection = await this.#cluster.connection(node, "control");
        return connection.call(
          initProducerIdV4.api,
          transactionalId,
          transactionTimeoutMs,
          known.producerId,
          known.producerEpoch,
        );
      }),
    );
    const { producerId, producerEpoch } = answer;
    return { transactionalId, producerId, producerEpoch };
  }

  /**
   * Where the coordinator has not said for a while that the epoch is ours it is asked, and gives the next one. It would forget an id
   * that ends no transaction, and its heir would get another producer id, which no partition holds against this one's; and who was
   * taken over from hears of it here, before anything is sent (I5).
   * @throws KafkaFault after which the epoch is dropped.
   */
  async renew(): Promise<void> {
    if (this.#options.transactional || !this.#isOld()) return;
    const identity = this.#current();
    const next = await this.#initialised(identity);
    if (next.producerId !== identity.producerId)
      throw new KafkaFault("fenced", "INVALID_PRODUCER_ID_MAPPING", "its epochs were used up");
    this.#begin(next);
  }

  /**
   * Sends batches, at most one of a partition and none while one of its partition is under way; resolves when all replicas
   * in sync have them.
   * @throws KafkaFault after which the epoch is dropped.
   */
  async send(batches: readonly OutgoingBatch[]): Promise<void> {
    await this.#ended;
    const identity = this.#current();
    const { deliveryTimeoutMs } = this.#options;
    const sending: Sending = { restedMs: 0, mayComeLate: false };
    try {
      let left = batches.map((batch) => this.#finished(identity, batch));
      await this.#addPartitions(identity, batches);
      const sendLeft = async (): Promise<void> => {
        const { failed, fault } = await this.#sendOnce(left, sending);
        left = failed;
        if (fault !== null) throw fault;
      };
      // What a quota takes is no attempt.
      await this.#cluster.patiently(
        () => deliveryTimeoutMs + sending.restedMs,
        sendLeft,
        mayComeToBe,
      );
    } catch (thrown) {
      const isSlow = thrown instanceof KafkaFault && thrown.kind === "slow";
      // Nothing is undecided, and nothing comes behind the end: it can be aborted. What is late is refused by another epoch alone.
      if (isSlow && !sending.mayComeLate) this.#hasGaps = true;
      else this.drop();
      throw thrown;
    }
  }

  /**
   * Makes everything visible that was sent since the last one.
   * @throws KafkaFault `slow` before anything was asked for; behind that UndecidedCommit, whatever it was, and the epoch is dropped.
   */
  async commit(): Promise<void> {
    if (!this.#options.transactional) return;
    this.#refuseLate(1, 0);
    await failedAsUndecided(this.#end(true));
  }

  /** Takes back what was sent since the last commit. Where that fails {@link initialise} does it. */
  async abort(): Promise<void> {
    if (!this.#options.transactional || this.#identity === null) return;
    await this.#end(false).catch(() => this.drop());
  }

  async #end(commits: boolean): Promise<void> {
    const identity = this.#current();
    // Until the answer is there nobody knows.
    this.drop();
    const { endTxnVersion, transactionsV2 } = await this.#cluster.abilities();
    const request = endTxnRequest(identity, endTxnVersion, commits);
    const next = await this.#cluster.patiently(this.#options.deliveryTimeoutMs, () =>
      this.#atCoordinator(async (node) => {
        const connection = await this.#cluster.connection(node, "control");
        const answer = await lostAsUndecided(connection.send(request));
        const fault = faultOf(answer.errorCode, "the end of a transaction");
        if (fault !== null) throw fault;
        return answer.next;
      }),
    );
    this.#openedMs = null;
    if (!transactionsV2 || next === null) {
      // Sequence numbers go on: with gaps in them only another epoch can.
      if (this.#hasGaps) return;
      this.#identity = identity;
      this.#added.clear();
    } else {
      this.#begin({ ...identity, ...next });
      if (this.#mayAsk) this.#ended = this.#untilEnded();
    }
  }

  /**
   * Until the partitions of the last transaction know that it is over, which mostly takes a millisecond behind the answer to
   * EndTxn. A batch that comes before makes the broker wait for 20 ms (its `add.partitions.to.txn.retry.backoff.ms`) before it looks
   * again; transactions of the first kind have an answer at once. It never rejects: who cannot ask leaves the waiting to the broker.
   */
  async #untilEnded(): Promise<void> {
    const { transactionalId } = this.#options;
    try {
      for (let asked = 1; (await this.#isEnding(transactionalId)) && asked < MAX_ASKED; asked++)
        await this.#cluster.clock.sleep(ASK_AGAIN_MS);
    } catch (thrown) {
      // Nobody gets the right to ask, or a newer broker, while this runs; whoever needs it has another way.
      this.#mayAsk = thrown instanceof KafkaFault && isPassing(thrown);
    }
  }

  async #isEnding(transactionalId: string): Promise<boolean> {
    const node = await this.#cluster.coordinator(transactionalId);
    const connection = await this.#cluster.connection(node, "control");
    const answer = await connection.call(describeTransactionsV0.api, [transactionalId]);
    return answer.transactionStates.some(({ transactionState: state }) => ENDING.has(state));
  }

  #begin(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#hasGaps = false;
    this.#openedMs = null;
    this.#sequences = new Map();
    this.#added = new Set();
    const { clock } = this.#cluster;
    this.#given = { monotonicMs: clock.monotonic(), wallMs: clock.now() };
  }

  #isOld(): boolean {
    const { clock } = this.#cluster;
    const { monotonicMs, wallMs } = this.#given;
    const ages = [clock.monotonic() - monotonicMs, Math.abs(clock.now() - wallMs)];
    return Math.max(...ages) > RENEW_MS;
  }

  #current(): ProducerIdentity {
    if (this.#identity !== null) return this.#identity;
    throw new KafkaFault("fenced", "NO_EPOCH", "the last transaction is not decided yet");
  }

  #finished(
    identity: ProducerIdentity,
    { topic, topicId = NO_ID, partition, builder }: OutgoingBatch,
  ): FinishedBatch {
    const key = keyOf({ topic, partition });
    const sequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, (sequence + builder.count) % SEQUENCES);
    const { producerId, producerEpoch } = identity;
    const { transactional, compression } = this.#options;
    const stamp = { producerId, producerEpoch, sequence, transactional };
    const { count } = builder;
    return { topic, topicId, partition, count, bytes: builder.finish(stamp, compression) };
  }

  /** Transactions of the second kind have whatever is written to. */
  async #addPartitions(
    identity: ProducerIdentity,
    batches: readonly TopicPartition[],
  ): Promise<void> {
    if (!this.#options.transactional || (await this.#cluster.abilities()).transactionsV2) return;
    const missing = batches
      .filter((batch) => !this.#added.has(keyOf(batch)))
      .map(({ topic, partition }) => ({ topic, partition }));
    if (missing.length === 0) return;
    const add = (): Promise<void> =>
      this.#atCoordinator(async (node) => {
        const connection = await this.#cluster.connection(node, "control");
        refuse(await connection.send(addPartitionsRequest(identity, missing)));
      });
    await this.#cluster.patiently(this.#options.deliveryTimeoutMs, add, mayComeToBe);
    for (const each of missing) this.#added.add(keyOf(each));
  }

  /** To every leader what it leads; gives what has to be sent again, and why. */
  async #sendOnce(
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
    this.#refuseLate(OPEN_SHARE, restMs);
    if (restMs > 0) {
      sending.restedMs += restMs;
      await this.#cluster.rest(restMs);
    }
    this.#openedMs ??= this.#cluster.clock.monotonic();
  }

  /** The broker would end it meanwhile, and take the epoch. @throws KafkaFault `slow` */
  #refuseLate(share: number, waitMs: number): void {
    const { transactional, transactionTimeoutMs } = this.#options;
    if (!transactional || this.#openedMs === null) return;
    const openMs = this.#cluster.clock.monotonic() - this.#openedMs;
    if (openMs + waitMs > share * transactionTimeoutMs) throw slow(openMs, transactionTimeoutMs);
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

  async #atCoordinator<T>(ask: (node: number) => Promise<T>): Promise<T> {
    const { transactionalId } = this.#options;
    try {
      return await ask(await this.#cluster.coordinator(transactionalId));
    } catch (thrown) {
      const mayHaveMoved =
        thrown instanceof KafkaFault && (thrown.kind === "stale" || thrown.kind === "connection");
      if (mayHaveMoved) this.#cluster.forgetCoordinator(transactionalId);
      throw thrown;
    }
  }
}

/** Where one has failed, too, nothing of them is under way any more: behind the end of its transaction it would be of the next one. */
async function allEnded<T>(works: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`;
}

function refuse(answers: readonly PartitionAnswer[]): void {
  const faults = answers
    .map((answer) => partitionFault(answer, answer.errorCode))
    .filter((fault) => fault !== null);
  // One that is refused for its own sake takes all others along, who say only that they were not tried.
  const [first] = faults;
  const fault = faults.find(({ id }) => id !== "OPERATION_NOT_ATTEMPTED") ?? first;
  if (fault !== undefined) throw fault;
}

function slow(openMs: number, timeoutMs: number): KafkaFault {
  return new KafkaFault(
    "slow",
    "TRANSACTION_TOO_SLOW",
    `a transaction was open for ${Math.round(openMs)} ms and has more to send, and its broker ends it after ${timeoutMs} ms (sink.transaction.timeout)`,
  );
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
