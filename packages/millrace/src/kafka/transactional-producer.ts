import { BatchDelivery, type FinishedBatch, keyOf, type Sending } from "./batch-delivery.ts";
import type { Cluster } from "./cluster.ts";
import { KafkaFault, mayComeToBe } from "./kafka-fault.ts";
import { OpenTransaction } from "./open-transaction.ts";
import { NO_ID } from "./partition.ts";
import type { ProducerOptions } from "./producer-options.ts";
import type { RecordBatchBuilder } from "./record-batch.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";
import { failedAsUndecided } from "./undecided-commit.ts";
import type { ProducerEpoch, ProducerIdentity, TopicPartition } from "./wire.ts";

/** A batch that is to be sent; its builder is not touched until the answer is there. */
export interface OutgoingBatch extends TopicPartition {
  /** Where it is given, no other topic of the name takes the batch. */
  readonly topicId?: string;
  readonly builder: RecordBatchBuilder;
}

/** An epoch at least once is renewed when it is so old: no broker forgets an id as soon, and a coordinator has 32,767 epochs of each producer id. */
export const RENEW_MS = 60_000;
/** Sequence numbers wrap here. */
const SEQUENCES = 2 ** 31;

/**
 * One transactional id and its epochs. A failure of anything but a passing kind leaves the epoch dropped: what became of the
 * transaction is decided by {@link initialise}, and nothing is sent before that.
 */
export class TransactionalProducer {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #coordinator: TransactionCoordinator;
  readonly #open: OpenTransaction;
  readonly #delivery: BatchDelivery;
  #identity: ProducerIdentity | null = null;
  #sequences = new Map<string, number>();
  #added = new Set<string>();
  /** When its coordinator gave the epoch, by both clocks: one of them may stand still while the machine does. */
  #given = { monotonicMs: 0, wallMs: 0 };
  /** The last transaction has ended at its coordinator, too. */
  #ended: Promise<void> = Promise.resolve();
  /** Batches were given sequence numbers and never sent. */
  #hasGaps = false;

  constructor(cluster: Cluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#open = new OpenTransaction(cluster.clock, options);
    this.#coordinator = new TransactionCoordinator(cluster, options, this.#open);
    this.#delivery = new BatchDelivery(cluster, options, this.#open);
  }

  /** Nothing is open, and nothing of ours is undecided. */
  get isInitialised(): boolean {
    return this.#identity !== null;
  }

  /** Brokers that hold this client back by a quota, and for how long from now. */
  get heldBack(): BatchDelivery["heldBack"] {
    const leaders = this.#delivery.heldBack;
    const isToldOf = (node: number): boolean => leaders.some((each) => each.node === node);
    return [...leaders, ...this.#coordinator.heldBack.filter(({ node }) => !isToldOf(node))];
  }

  /** This topic is taken away: one of its name that is made anew begins at its beginning. */
  leave(topic: string): void {
    this.#delivery.leave(topic);
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

  #initialised(known: ProducerEpoch): Promise<ProducerIdentity> {
    this.drop();
    return this.#coordinator.initialised(known);
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
        const { failed, fault } = await this.#delivery.send(left, sending);
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
    this.#open.refuseLate(1, this.#coordinator.restMs);
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
    const next = await this.#coordinator.end(identity, commits);
    this.#open.ends();
    if (next === null) {
      // Sequence numbers go on: with gaps in them only another epoch can.
      if (this.#hasGaps) return;
      this.#identity = identity;
      this.#added.clear();
    } else {
      this.#begin({ ...identity, ...next });
      this.#ended = this.#coordinator.untilEnded();
    }
  }

  #begin(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#hasGaps = false;
    this.#open.ends();
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
    await this.#coordinator.add(identity, missing);
    for (const each of missing) this.#added.add(keyOf(each));
  }
}
