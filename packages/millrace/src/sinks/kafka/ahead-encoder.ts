import { failpoint } from "../../model/failpoint.ts";
import type { Clock } from "../../model/ports.ts";
import type { Commit, TargetChangeEvent, Write } from "../../model/sink.ts";
import type { BatchSender } from "./batch-sender.ts";
import type { SideTeller } from "./side-teller.ts";
import type { TransactionBatches } from "./transaction-batches.ts";
import { nextTurn, type WriteEncoder } from "./write-encoder.ts";

/** So many changes at a time: answers of brokers that come in meanwhile wait for half a millisecond. */
const SLICE = 128;
/** And so many bytes of large messages. */
const SLICE_BYTES = 256 * 2 ** 10;
/**
 * Messages that wait for their transaction, bytes (I10); the last one may go beyond. A larger transaction has its rest encoded
 * when it begins.
 */
export const MAX_AHEAD_BYTES = 8 * 2 ** 20;

/** What is ready of a write: its changes before `at`. */
export interface ReadyWrite {
  readonly batches: TransactionBatches;
  readonly at: number;
}

interface Ahead {
  write: Write | null;
  batches: TransactionBatches | null;
  at: number;
  /** Somebody wants what there is of it, or nobody wants it any more. */
  isOver: boolean;
  hasFailed: boolean;
  done: Promise<void>;
}

/**
 * Encodes the next transaction's messages while the last one is being ended, so that the core is not idle for as long as brokers
 * answer. Batches get producer, epoch and sequence when they are sent, and are sent when their own transaction has
 * begun: until then they are bytes that nobody has seen, and what happens to the one before them does not matter to them.
 */
export class AheadEncoder {
  readonly #encoder: WriteEncoder;
  readonly #sender: BatchSender;
  readonly #clock: Clock;
  /** Who looks at each change, or each table, counts it for the transaction under way. */
  readonly #mayBegin: boolean;
  #ahead: Ahead | null = null;

  constructor(
    encoder: WriteEncoder,
    sender: BatchSender,
    clock: Clock,
    tellers: readonly SideTeller[],
  ) {
    this.#encoder = encoder;
    this.#sender = sender;
    this.#clock = clock;
    this.#mayBegin = tellers.every(
      (teller) => teller.change === undefined && teller.table === undefined,
    );
  }

  /** All of a transaction is encoded: what comes behind it may be, from now on. */
  begin(next: Commit["next"]): void {
    if (next === undefined || !this.#mayBegin || this.#ahead !== null) return;
    const ahead: Ahead = {
      write: null,
      batches: null,
      at: 0,
      isOver: false,
      hasFailed: false,
      done: Promise.resolve(),
    };
    this.#ahead = ahead;
    ahead.done = this.#encode(ahead, next);
  }

  /** What is ready of this write; of any other one nothing is kept. */
  async take(write: Write): Promise<ReadyWrite | null> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead === null) return null;
    ahead.isOver = true;
    // Who was asked for the next write may answer much later.
    if (ahead.batches === null) return null;
    await ahead.done;
    if (ahead.write === write && !ahead.hasFailed) return { batches: ahead.batches, at: ahead.at };
    await ahead.batches.clear();
    return null;
  }

  async #encode(ahead: Ahead, next: NonNullable<Commit["next"]>): Promise<void> {
    try {
      const write = await next();
      if (write?.kind !== "changes" || ahead.isOver) return;
      ahead.write = write;
      const batches = (ahead.batches = this.#sender.hold());
      await this.#encodeChanges(ahead, write.changes, batches);
      await batches.pack(() => this.#goesOn(ahead));
      if (!ahead.isOver) failpoint("kafka.ready");
    } catch {
      // Its own transaction meets the same, and says so.
      ahead.hasFailed = true;
    }
  }

  async #encodeChanges(
    ahead: Ahead,
    changes: readonly TargetChangeEvent[],
    batches: TransactionBatches,
  ): Promise<void> {
    const nowMs = Math.floor(this.#clock.now());
    while (ahead.at < changes.length && batches.bytes < MAX_AHEAD_BYTES) {
      if (!(await this.#goesOn(ahead))) return;
      const to = Math.min(changes.length, ahead.at + SLICE);
      const toBytes = Math.min(MAX_AHEAD_BYTES, batches.bytes + SLICE_BYTES);
      ahead.at = await this.#encoder.some(changes, { from: ahead.at, to, toBytes }, batches, nowMs);
    }
  }

  async #goesOn(ahead: Ahead): Promise<boolean> {
    await nextTurn();
    return !ahead.isOver;
  }
}
