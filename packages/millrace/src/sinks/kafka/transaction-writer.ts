import { KafkaFault } from "../../kafka/kafka-fault.ts";
import type { TransactionalProducer } from "../../kafka/transactional-producer.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { ChangePlace, Commit, TargetChange, Write } from "../../model/sink.ts";
import { AheadEncoder, type ReadyWrite } from "./ahead-encoder.ts";
import type { BatchSender } from "./batch-sender.ts";
import type { SideTeller } from "./side-teller.ts";
import type { StateRecord, TaskState } from "./state-records.ts";
import type { BatchPlace, TransactionBatches } from "./transaction-batches.ts";
import { WriteEncoder, type WriteEncoderParts } from "./write-encoder.ts";

const NO_HEADERS = [] as const;

/** What one transaction makes durable. */
export interface TransactionContent {
  readonly writes: readonly Write[];
  /** Where the state goes. */
  readonly place: BatchPlace;
  readonly records: readonly StateRecord[];
  /** What is told beside it; null of what is not the pipeline's commit. */
  readonly commit: Commit | null;
}

/** What a writer asks of its producer. */
export type TransactionProducer = Pick<
  TransactionalProducer,
  "renew" | "send" | "commit" | "abort"
>;

/** What a writer works with. */
export interface WriterParts extends WriteEncoderParts {
  readonly producer: TransactionProducer;
  /** Of that producer. */
  readonly sender: BatchSender;
  readonly clock: Clock;
  readonly exactlyOnce: boolean;
}

/** One transaction after the other: data, then state, then its end. */
export class TransactionWriter {
  readonly #producer: TransactionProducer;
  readonly #sender: BatchSender;
  readonly #encoder: WriteEncoder;
  readonly #ahead: AheadEncoder;
  readonly #clock: Clock;
  readonly #exactlyOnce: boolean;
  readonly #tellers: readonly SideTeller[];

  constructor(parts: WriterParts) {
    const { producer, sender, clock, tellers } = parts;
    this.#producer = producer;
    this.#clock = clock;
    this.#exactlyOnce = parts.exactlyOnce;
    this.#sender = sender;
    this.#tellers = tellers;
    this.#encoder = new WriteEncoder(parts);
    this.#ahead = new AheadEncoder(this.#encoder, sender, clock, tellers);
  }

  /** What is durable, behind a takeover. */
  restore(found: TaskState): void {
    for (const teller of this.#tellers) teller.restore?.(found);
  }

  /** Something is to be told, with whatever commit comes. */
  isDue(): boolean {
    const nowMs = this.#clock.now();
    return this.#tellers.some((teller) => teller.isDue?.(nowMs) === true);
  }

  /** A target was changed; the next commit says that it is done. */
  applied(change: TargetChange, place?: ChangePlace): void {
    for (const teller of this.#tellers) teller.applied?.(change, place);
  }

  /**
   * Makes all of it durable, or nothing; after a failure nothing of it will be, unless the failure says that nobody knows.
   * @throws KafkaFault, UndecidedCommit, or a MillraceError of class `row`
   */
  async write({ writes, place, records, commit }: TransactionContent): Promise<void> {
    await this.#producer.renew();
    const [first] = writes;
    // What has no rows comes between, and leaves the next ones ready.
    const ready = first === undefined ? null : await this.#ahead.take(first);
    const batches = this.#sender.begin(ready?.batches ?? null);
    try {
      const beside = await this.#encodeAll(writes, ready, batches, commit);
      this.#ahead.begin(commit?.next);
      // What the positions stand for is there before they are.
      if (!this.#exactlyOnce) await sendRest(batches);
      this.#addState(batches, place, [...beside, ...records]);
      await batches.finish();
      failpoint("kafka.sent");
      await this.#producer.commit();
      for (const teller of this.#tellers) teller.done();
      failpoint("kafka.committed");
    } catch (thrown) {
      for (const teller of this.#tellers) teller.undone();
      await batches.stop(thrown);
      if (batches.hasSent) await this.#producer.abort();
      throw thrown;
    } finally {
      await batches.clear();
    }
  }

  /** Gives what the state topic has to keep of what is told beside. */
  async #encodeAll(
    writes: readonly Write[],
    ready: ReadyWrite | null,
    batches: TransactionBatches,
    commit: Commit | null,
  ): Promise<readonly StateRecord[]> {
    const nowMs = Math.floor(this.#clock.now());
    if (commit !== null) for (const teller of this.#tellers) teller.begin?.(commit, nowMs);
    for (const [i, write] of writes.entries())
      await this.#encoder.encode(write, i === 0 ? (ready?.at ?? 0) : 0, batches, nowMs);
    if (commit === null) return [];
    return this.#tellers.flatMap((teller) => teller.end?.(commit, nowMs) ?? []);
  }

  #addState(batches: TransactionBatches, place: BatchPlace, records: readonly StateRecord[]): void {
    const nowMs = Math.floor(this.#clock.now());
    for (const record of records) {
      const key = Buffer.from(JSON.stringify(record.key));
      const value = Buffer.from(record.value === null ? "" : JSON.stringify(record.value));
      const length = record.value === null ? -1 : value.length;
      if (!batches.add(place, 0, nowMs, key, key.length, value, length, NO_HEADERS))
        throw tooLarge(place, key.length + value.length);
    }
  }
}

async function sendRest(batches: TransactionBatches): Promise<void> {
  await batches.finish();
  await batches.clear();
  failpoint("kafka.data-sent");
}

/** Left out, its positions would be there without it (I1). */
function tooLarge({ name, maxBatchBytes }: BatchPlace, bytes: number): KafkaFault {
  return new KafkaFault(
    "config",
    "STATE_TOO_LARGE",
    `the state topic ${name} takes ${maxBatchBytes} bytes (max.message.bytes), and a record of this pipeline has ${bytes}`,
  );
}
