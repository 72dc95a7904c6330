/*
 * Hot: `add` is called once per message. It fills a batch for each partition and sends those that are full while the next
 * ones are being encoded; of one partition there is never more than one under way.
 */
import {
  BATCH_HEAD_BYTES,
  RecordBatchBuilder,
  type RecordHeader,
  recordSizeBound,
} from "../../kafka/record-batch.ts";
import type { TransactionalProducer } from "../../kafka/transactional-producer.ts";

/** Builders that are kept for the next transaction (I10): each holds as much as the largest batch that it ever had. */
const MAX_KEPT_BUILDERS = 32;
const MAX_KEPT_BYTES = 16 * 2 ** 20;

interface PartitionQueue {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  filling: RecordBatchBuilder;
  /** Full before anything of their transaction may be sent; in their order. */
  held: RecordBatchBuilder[];
  /** What of this partition is under way; null where nothing is. */
  sent: Promise<void> | null;
}

/** A topic that batches go to. */
export interface BatchPlace {
  readonly name: string;
  /** Of this topic and of no other one of its name; `NO_ID` where nobody knows it. */
  readonly id: string;
  /** No batch is larger, bytes. */
  readonly maxBatchBytes: number;
}

/** Where batches go. */
export interface BatchProducer extends Pick<TransactionalProducer, "send"> {
  /** What can be done to a batch before its transaction begins; see {@link RecordBatchBuilder.pack}. */
  readonly pack?: (builder: RecordBatchBuilder) => void;
}

/** Empty builders, used again by transaction after transaction. */
export class BuilderPool {
  readonly #kept: RecordBatchBuilder[] = [];
  #keptBytes = 0;

  /** What the kept ones hold. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  take(): RecordBatchBuilder {
    const builder = this.#kept.pop();
    if (builder === undefined) return new RecordBatchBuilder();
    this.#keptBytes -= builder.capacity;
    return builder;
  }

  give(builder: RecordBatchBuilder): void {
    builder.clear();
    const { capacity } = builder;
    if (this.#kept.length >= MAX_KEPT_BUILDERS || this.#keptBytes + capacity > MAX_KEPT_BYTES)
      return;
    this.#kept.push(builder);
    this.#keptBytes += capacity;
  }
}

/** The batches of one transaction. Made `held`, nothing of them is sent before {@link release}: another one is under way. */
export class TransactionBatches {
  readonly #producer: BatchProducer;
  readonly #pool: BuilderPool;
  /** By topic, then by partition. */
  readonly #byTopic = new Map<string, (PartitionQueue | undefined)[]>();
  #queues: PartitionQueue[] = [];
  #failure: { readonly thrown: unknown } | null = null;
  #isHeld: boolean;
  #hasSent = false;
  #shipped = 0;
  #bytes = 0;

  constructor(producer: BatchProducer, pool: BuilderPool, isHeld: boolean) {
    this.#producer = producer;
    this.#pool = pool;
    this.#isHeld = isHeld;
  }

  /** Something of this transaction has gone to a broker. */
  get hasSent(): boolean {
    return this.#hasSent;
  }

  /** How many batches were full, and went on their way before the end of their transaction. */
  get shipped(): number {
    return this.#shipped;
  }

  /** What was taken, about, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes one message; lengths of −1 are null. False where it alone is larger than the place's batches: it was not taken.
   */
  add(
    { name, id, maxBatchBytes }: BatchPlace,
    partition: number,
    timeMs: number,
    key: Buffer,
    keyLength: number,
    value: Buffer,
    valueLength: number,
    headers: readonly RecordHeader[],
  ): boolean {
    const bytes = recordSizeBound(keyLength, valueLength, headers);
    if (bytes + BATCH_HEAD_BYTES > maxBatchBytes) return false;
    const queue = this.#queue(name, id, partition);
    if (queue.filling.bytes + bytes > maxBatchBytes) this.#full(queue);
    queue.filling.append(timeMs, key, keyLength, value, valueLength, headers);
    this.#bytes += bytes;
    return true;
  }

  /** Does what needs no transaction, one batch after the other; `goesOn` is asked before each. */
  async pack(goesOn: () => Promise<boolean>): Promise<void> {
    const { pack } = this.#producer;
    if (pack === undefined) return;
    for (const { held, filling } of this.#queues)
      for (const builder of [...held, filling]) {
        if (!(await goesOn())) return;
        if (builder.count > 0) pack(builder);
      }
  }

  /** Its transaction may begin: what is full goes, and from now on as soon as it is. */
  release(): void {
    this.#isHeld = false;
    for (const queue of this.#queues) {
      const { held } = queue;
      queue.held = [];
      for (const builder of held) this.#ship(queue, builder);
    }
  }

  /** Sends the rest, to every broker at once, and waits for all. @throws what the producer throws. */
  async finish(): Promise<void> {
    await this.#settled();
    if (this.#failure !== null) throw this.#failure.thrown;
    const rest = this.#queues.filter(({ filling }) => filling.count > 0);
    if (rest.length === 0) return;
    this.#hasSent = true;
    await this.#producer.send(
      rest.map(({ topic, topicId, partition, filling: builder }) => {
        return { topic, topicId, partition, builder };
      }),
    );
  }

  /**
   * Sends no more of it, and waits for what is under way: what comes to a broker behind the transaction's end would be of the
   * next one.
   */
  async stop(why: unknown): Promise<void> {
    this.#failure ??= { thrown: why };
    await this.#settled();
  }

  /** Forgets what was taken: the transaction is over, one way or the other. */
  async clear(): Promise<void> {
    await this.#settled();
    this.#failure = null;
    this.#hasSent = false;
    this.#bytes = 0;
    for (const { held, filling } of this.#queues)
      for (const builder of [...held, filling]) this.#pool.give(builder);
    this.#queues = [];
    this.#byTopic.clear();
  }

  async #settled(): Promise<void> {
    await Promise.all(this.#queues.map(async ({ sent }) => sent));
  }

  #full(queue: PartitionQueue): void {
    const { filling } = queue;
    queue.filling = this.#pool.take();
    if (this.#isHeld) queue.held.push(filling);
    else this.#ship(queue, filling);
  }

  #ship(queue: PartitionQueue, builder: RecordBatchBuilder): void {
    const { topic, topicId, partition } = queue;
    this.#shipped++;
    this.#hasSent = true;
    const before = queue.sent ?? Promise.resolve();
    queue.sent = before
      .then(() => {
        if (this.#failure !== null) throw this.#failure.thrown;
        return this.#producer.send([{ topic, topicId, partition, builder }]);
      })
      .catch((thrown: unknown) => {
        this.#failure ??= { thrown };
      })
      .then(() => this.#pool.give(builder));
  }

  /** No name is made per message. */
  #queue(topic: string, topicId: string, partition: number): PartitionQueue {
    let queues = this.#byTopic.get(topic);
    if (queues === undefined) this.#byTopic.set(topic, (queues = []));
    const known = queues[partition];
    if (known !== undefined) return known;
    const queue: PartitionQueue = {
      topic,
      topicId,
      partition,
      filling: this.#pool.take(),
      held: [],
      sent: null,
    };
    queues[partition] = queue;
    this.#queues.push(queue);
    return queue;
  }
}
