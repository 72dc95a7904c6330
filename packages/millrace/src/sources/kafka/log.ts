import { MillraceError } from "../../errors/millrace-error.ts";
import type { Cluster } from "../../kafka/cluster.ts";
import { committedBatches, offsetBehind } from "../../kafka/committed-batches.ts";
import { KafkaFault, mayComeToBe } from "../../kafka/kafka-fault.ts";
import { EARLIEST, fetchPartition, offsetAt } from "../../kafka/partition.ts";
import type { FetchAnswer, TopicPartition } from "../../kafka/wire.ts";
import type { LogBatch, LogItem } from "../../model/change.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import type { TableShape } from "../../model/table.ts";
import { cut, deleted, lost, sourceError, trimmed } from "./errors.ts";
import type { Message, MessageItems } from "./message-items.ts";
import {
  behind,
  epochOf,
  type KafkaPosition,
  nextOffset,
  parsePosition,
  WHOLE,
} from "./position.ts";
import type { ReadEpochs } from "./read-epochs.ts";
import { RecordMessage } from "./record-message.ts";

/** A batch is given once it weighs this much. */
const BATCH_BYTES = 1_048_576;
/** So many messages in front of the first one are looked at once more. */
const RECALLED_MESSAGES = 64;
const RECALL = { maxBytes: 262_144, maxWaitMs: 50, isLent: true };
const RECALL_FETCHES = 4;
/** A broker that does not answer is asked again for this long before the run ends and begins anew. */
const PATIENCE_MS = 10_000;

/** What a {@link PartitionLog} is made of. */
export interface PartitionLogParts {
  readonly cluster: Cluster;
  readonly at: TopicPartition;
  readonly from: Position;
  readonly items: MessageItems;
  readonly clock: Clock;
  readonly fetchBytes: number;
  readonly fetchWaitMs: number;
  /** A message that cannot be read: true where it may be passed over. */
  readonly mayPass: (offset: number, why: MillraceError) => boolean;
  /** A schema change goes out, or a table that was not known comes. */
  readonly told: (shape: TableShape) => void;
  /** What was fetched: for what a message weighs, and where the partition ends. */
  readonly fetched: (answer: FetchAnswer, from: number, behindIt: number) => void;
  readonly acknowledged: (offset: number) => void;
  /** The topic's id, or null while nobody knows; another one is another topic of that name (I8). */
  readonly topicIdNow: () => Promise<string | null>;
  readonly topicId: string;
  /** Of all runs of the process. */
  readonly epochs: ReadEpochs;
}

/** One partition as a log: committed messages in their order. One Fetch is under way while the last one is worked on. */
export class PartitionLog implements SourceLog {
  readonly #parts: PartitionLogParts;
  readonly #closed = new AbortController();
  /** The next offset to be fetched. */
  #offset: number;
  #ahead: Promise<FetchAnswer> | null = null;
  #hasRecalled = false;
  /** Batches of what was fetched that are not given yet. */
  #batches: Iterator<LogBatch> | null = null;

  constructor(parts: PartitionLogParts) {
    this.#parts = parts;
    this.#offset = nextOffset(parts.from);
    const [, step] = parsePosition(parts.from);
    // Of a message that was read in part the one before may be of an older one.
    if (step === WHOLE) parts.epochs.resume(parts.topicId, this.#offset, epochOf(parts.from));
  }

  async next(): Promise<LogBatch> {
    try {
      if (!this.#hasRecalled) await this.#orClosed(this.#recall());
      for (;;) {
        this.#closed.signal.throwIfAborted();
        const given = this.#batches?.next();
        if (given?.done === false) return given.value;
        this.#batches = null;
        const from = this.#offset;
        const answer = await (this.#ahead ?? this.#fetch(from));
        this.#ahead = null;
        this.#closed.signal.throwIfAborted();
        failpoint("kafka-log.fetched");
        const end = offsetBehind(answer, from);
        this.#parts.fetched(answer, from, end);
        if (end === from) {
          this.#parts.cluster.giveBack(answer.records);
          continue;
        }
        this.#offset = end;
        this.#parts.epochs.add(this.#parts.topicId, from, answer.records);
        this.#prefetch();
        this.#batches = this.#batchesOf(answer, from, end);
      }
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  acknowledge(position: Position): void {
    this.#parts.acknowledged(nextOffset(position));
  }

  close(): Promise<void> {
    this.#closed.abort(
      new MillraceError("MR_SOURCE_LOST_CONNECTION", "the log of the partition was closed"),
    );
    return Promise.resolve();
  }

  /** What stands just before the start tells what follows it: of which table a tombstone is, and whether its delete was read. */
  async #recall(): Promise<void> {
    const { cluster, at, items } = this.#parts;
    if (this.#offset === 0) return void (this.#hasRecalled = true);
    const first = await offsetAt(cluster, at, EARLIEST, "uncommitted").catch(() => this.#offset);
    let from = Math.max(first, this.#offset - RECALLED_MESSAGES);
    const { signal } = this.#closed;
    for (let fetches = 0; from < this.#offset && fetches < RECALL_FETCHES; fetches++) {
      if (signal.aborted) return;
      // It is a help, and no more: what can be read at all is told by the log itself.
      const answer = await fetchPartition(cluster, at, from, RECALL).catch(() => null);
      if (answer === null) break;
      recallFrom(answer, from, this.#offset, items);
      const end = offsetBehind(answer, from);
      cluster.giveBack(answer.records);
      if (end === from) break;
      from = end;
    }
    this.#hasRecalled = true;
  }

  #prefetch(): void {
    this.#ahead = this.#fetch(this.#offset);
    this.#ahead.catch(() => undefined); // whoever asks for it hears of it
  }

  async #fetch(offset: number): Promise<FetchAnswer> {
    const { cluster, fetchBytes, fetchWaitMs, topicId, epochs } = this.#parts;
    const at = { ...this.#parts.at, topicId };
    const lastEpoch = epochs.before(topicId, offset);
    const limits = { maxBytes: fetchBytes, maxWaitMs: fetchWaitMs, lastEpoch, isLent: true };
    let hasFailed = false;
    const attempt = async (): Promise<FetchAnswer> => {
      this.#closed.signal.throwIfAborted();
      if (hasFailed) await this.#refuseOther();
      hasFailed = true;
      return refuseCut(await fetchPartition(cluster, at, offset, limits), at, offset);
    };
    try {
      return await this.#orClosed(cluster.patiently(PATIENCE_MS, attempt, mayComeToBe));
    } catch (thrown) {
      throw await this.#lossOf(thrown, offset);
    }
  }

  /** The name may be that of another topic meanwhile, which has this offset too (I8). */
  async #refuseOther(): Promise<void> {
    const { at, topicId, topicIdNow } = this.#parts;
    const now = await topicIdNow();
    if (now !== null && now !== topicId) throw lost(`topic ${at.topic} was deleted and made anew`);
  }

  /** Nobody waits for a broker once the log is closed. */
  #orClosed<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#closed;
    work.catch(() => undefined);
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(signal.reason as Error);
      if (signal.aborted) return closed();
      signal.addEventListener("abort", closed, { once: true });
      void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", closed));
    });
  }

  /** An offset that the broker does not have, or a topic that is another one (I8). */
  async #lossOf(thrown: unknown, offset: number): Promise<unknown> {
    if (!(thrown instanceof KafkaFault)) return thrown;
    const { cluster, at, topicId, topicIdNow } = this.#parts;
    const { topic, partition } = at;
    if (thrown.kind === "missing") {
      const now = await topicIdNow().catch(() => topicId);
      if (now === null) return deleted(topic);
      if (now !== topicId) return lost(`topic ${topic} was deleted and made anew`);
    }
    if (thrown.id !== "OFFSET_OUT_OF_RANGE") return thrown;
    const first = await offsetAt(cluster, at, EARLIEST, "uncommitted").catch(() => null);
    if (first !== null && first > offset) return trimmed(at, offset, first);
    return lost(`${topic} ${partition} ends before offset ${offset}, where this pipeline stands`);
  }

  /**
   * Pure but for what it tells: the batches of one answer. Its bytes are somebody else's as soon as the last one is made: what is
   * in a batch, and what is kept of the messages, has none of them. What is not read to its end is given back by nobody.
   */
  *#batchesOf(answer: FetchAnswer, from: number, end: number): Generator<LogBatch, void, void> {
    const { cluster, items: maker, told } = this.#parts;
    let [items, bytes, timeMs] = [[] as LogItem[], 0, null as number | null];
    const batch = (position: Position, moreComes: boolean, found?: TableShape): LogBatch => {
      const what = { items, position, acknowledge: position, sourceTimeMs: timeMs, bytes };
      const made = { ...what, moreComes };
      [items, bytes] = [[], 0];
      return found === undefined ? made : { ...made, found: [found] };
    };
    for (const records of committedBatches(answer)) {
      const message = new RecordMessage(records);
      while (message.next()) {
        const { offset } = message;
        if (offset < from) continue;
        const had = items.length;
        let made: TableShape | null;
        try {
          made = this.#add(maker, message, items);
        } catch (thrown) {
          items.length = had; // what stands before it goes first, and is durable then
          if (offset > from) yield batch(this.#behind(offset), false);
          throw thrown;
        }
        for (let at = had; at < items.length; at++) {
          const item = items[at];
          if (item?.kind === "change") bytes += item.bytes;
          else if (item?.kind === "shape") told(item.shape);
        }
        if (made !== null) {
          told(made);
          yield batch(this.#behind(offset), false, made);
          return;
        }
        timeMs = items.at(-1)?.transaction?.commitTimeMs ?? message.timeMs;
        if (bytes >= BATCH_BYTES) yield batch(this.#behind(offset + 1), true);
      }
    }
    cluster.giveBack(answer.records);
    yield batch(this.#behind(end), end < answer.lastStableOffset);
  }

  #behind(offset: number): KafkaPosition {
    const { epochs, topicId } = this.#parts;
    return behind(offset, epochs.before(topicId, offset));
  }

  /** The table that nobody knows yet, where the message is of one. */
  #add(maker: MessageItems, message: Message, items: LogItem[]): TableShape | null {
    try {
      const outcome = maker.add(message, items);
      return outcome === "done" ? null : outcome.newTable;
    } catch (thrown) {
      if (!(thrown instanceof MillraceError) || thrown.code !== "MR_MESSAGE_UNREADABLE")
        throw thrown;
      if (this.#parts.mayPass(message.offset, thrown)) return null;
      const { topic, partition } = this.#parts.at;
      const { offset } = message;
      const detail = thrown.detail.includes(`offset ${offset}`)
        ? thrown.detail
        : `the message at offset ${offset} of ${topic} ${partition}: ${thrown.detail}`;
      throw new MillraceError("MR_MESSAGE_UNREADABLE", detail, { cause: thrown });
    }
  }
}

/** @throws MillraceError MR_SOURCE_LOSS */
function refuseCut(answer: FetchAnswer, at: TopicPartition, offset: number): FetchAnswer {
  const { divergesAt } = answer;
  if (divergesAt === undefined || divergesAt >= offset) return answer;
  throw cut(at, divergesAt, offset);
}

function recallFrom(answer: FetchAnswer, from: number, end: number, items: MessageItems): void {
  for (const records of committedBatches(answer)) {
    const message = new RecordMessage(records);
    while (message.next())
      if (message.offset >= from && message.offset < end) items.recall(message);
  }
}
