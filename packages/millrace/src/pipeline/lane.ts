import { failpoint } from "../model/failpoint.ts";
import type { Position, TransactionId } from "../model/position.ts";
import { batchLength, type BatchLimits } from "./batch-length.ts";
import { BatchWriter, type WriterParts } from "./batch-writer.ts";
import type { ByteAccount } from "./byte-budget.ts";
import { countChanges } from "./compaction.ts";
import { TooManyRefused } from "./dead-letter-book.ts";
import type { ChunkMark, LaneItem, Mark, Meeting, RowItem } from "./lane-item.ts";
import { LaneQueue } from "./lane-queue.ts";
import type { MeetingWriter } from "./meeting-writer.ts";
import { until } from "./until.ts";

/** What a lane needs besides what all writers share. */
export interface LaneParts extends WriterParts {
  readonly meetings: MeetingWriter;
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Source transactions are kept whole as far as they fit. */
  readonly whole: boolean;
  readonly flushIntervalMs: number;
  readonly signal: AbortSignal;
  readonly passed: (lane: number, mark: Mark) => void;
  /** The run goes on without a table; rejects in order to begin it. */
  readonly stopTable: (why: TooManyRefused) => Promise<never>;
  /** Waits until more may have come, and the other lanes have passed what they hold, but not for ever. */
  readonly waitForOthers: (lane: number, waitMs: number) => Promise<void>;
  /** Less waits in a lane than before. */
  readonly emptied: () => void;
}

/** How often a transaction that constraints refuse is tried again, and how long the first wait is; each doubles. */
const PATIENCE = 5;
const FIRST_WAIT_MS = 10;
/** What a batch leaves free for its own rows where it takes all that the sink allows. */
const STATE_ROWS = 10;
/** How long the rest of a source transaction is waited for. The server sends it without a pause. */
const REST_MS = 200;

/** FIFO of changes whose keys hash to it; one transaction in flight; applies batch after batch (I2). */
export class Lane {
  readonly index: number;
  /** Where the checkpoint of this lane stands. */
  checkpoint: Position | null;
  /** The checkpoint as this run found it; replayed changes at or before it are never applied again. */
  readonly replayUntil: Position | null;
  readonly #queue = new LaneQueue();
  readonly #parts: LaneParts;
  readonly #writer: BatchWriter;
  #waiting: (() => void) | null = null;
  /** How many wait for what is in the lane: then it is sent without waiting for more. */
  #hurried = 0;
  #patience = PATIENCE;
  /** Items of the transaction in flight; they stay in the queue until it is durable. */
  #inFlight = 0;
  #awaitsRest = false;
  /** The source transaction whose rest was waited for in vain: it goes in parts. */
  #unfinished: TransactionId | null = null;

  constructor(index: number, checkpoint: Position | null, parts: LaneParts) {
    this.index = index;
    this.checkpoint = checkpoint;
    this.replayUntil = checkpoint;
    this.#parts = parts;
    this.#writer = new BatchWriter(index, parts);
  }

  push(item: LaneItem): void {
    this.#queue.push(item);
    if (this.#waiting !== null) this.#wake();
  }

  /** Less than one transaction waits behind the one in flight. */
  get hungry(): boolean {
    return this.#awaitsRest || this.#queue.length - this.#inFlight < this.#mostRows;
  }

  /** Resolves when everything that is in the lane now is durable, whatever comes behind it. */
  passedSoFar(): Promise<void> {
    this.#hurried++;
    return new Promise((resolve) => {
      const passed = () => {
        this.#hurried--;
        resolve();
      };
      this.push({ kind: "chunk-mark", key: null, rows: 0, pending: 1, passed });
    });
  }

  /** Works until the signal aborts; rejects with what stops the run. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    signal.addEventListener("abort", () => this.#wake(), { once: true });
    while (!signal.aborted) {
      if (this.#queue.length === 0) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
        continue;
      }
      try {
        await this.#step();
        this.#parts.emptied();
      } catch (thrown) {
        if (thrown instanceof TooManyRefused) await this.#parts.stopTable(thrown);
        throw thrown;
      }
    }
  }

  /** A mark that is in the lane already may say more now. */
  look(): void {
    if (this.#awaitsRest) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  async #step(): Promise<void> {
    const head = this.#queue.at(0);
    if (head === undefined) return;
    if (head.kind === "mark" || head.kind === "chunk-mark") {
      this.#pass(head);
      this.#queue.drop(1);
    } else if (head.kind === "discard") {
      head.done.resolve(await this.#writer.discard(head));
      this.#queue.drop(1);
    } else if (head.kind === "meeting") {
      await this.#meet(head);
      this.#queue.drop(1);
    } else {
      if (this.#parts.flushIntervalMs > 0) await this.#gather();
      const { items: count, open } = batchLength(this.#queue, this.#limits);
      if (open !== null && open !== this.#unfinished && this.#hurried === 0)
        return this.#awaitRest(open);
      this.#inFlight = count;
      this.#parts.emptied();
      await this.#commit(this.#queue.take(count), count);
    }
  }

  /** Waits for more to send together, where the file asks for it. */
  async #gather(): Promise<void> {
    if (this.#queue.length >= this.#parts.maxRows || this.#hurried > 0) return;
    await this.#parts.clock
      .sleep(this.#parts.flushIntervalMs, this.#parts.signal)
      .catch(() => undefined);
  }

  /** A transaction that was refused may need its rest (design/002). */
  get #mostRows(): number {
    const { maxRows, sink } = this.#parts;
    if (this.#patience === PATIENCE) return maxRows;
    return Math.max(1, sink.capabilities.maxRowsPerCommit - STATE_ROWS);
  }

  get #limits(): BatchLimits {
    const { maxBytes, sink, whole } = this.#parts;
    const estimateBytes = ({ route, row }: RowItem) => sink.estimateBytes(route.target, row);
    return { maxRows: this.#mostRows, maxBytes, estimateBytes, whole };
  }

  /**
   * Waits for the rest of a source transaction that would fit, so that no reader at the sink sees part of it. Not where
   * somebody waits for what is here (a barrier in its middle), and never for long: what memory cannot hold never comes.
   */
  async #awaitRest(open: TransactionId): Promise<void> {
    const { clock, signal } = this.#parts;
    const came = Promise.withResolvers<void>();
    this.#waiting = came.resolve;
    this.#awaitsRest = true;
    this.#parts.emptied();
    const limit = new AbortController();
    const late = clock.sleep(REST_MS, AbortSignal.any([signal, limit.signal])).then(
      () => (this.#unfinished = open),
      () => undefined,
    );
    await Promise.race([came.promise, late]);
    limit.abort();
    this.#awaitsRest = false;
  }

  async #commit(items: readonly LaneItem[], count: number): Promise<void> {
    const rows: RowItem[] = [];
    for (const item of items) if (item.kind === "row") rows.push(item);
    const began = this.#parts.clock.monotonic();
    const done = rows.length === 0 ? 0 : await this.#writer.write(rows, this.#patience > 0);
    if (done < rows.length) return this.#putUp(items, rows, done, began);
    this.#patience = PATIENCE;
    this.#settle(items, rows, count, began);
  }

  /** What came before a transaction that constraints refuse is durable; that one waits, and comes again with more. */
  async #putUp(
    items: readonly LaneItem[],
    rows: readonly RowItem[],
    done: number,
    began: number,
  ): Promise<void> {
    if (done > 0) {
      const next = rows[done];
      const count = next === undefined ? items.length : items.indexOf(next);
      this.#settle(items.slice(0, count), rows.slice(0, done), count, began);
      this.#patience = PATIENCE;
    }
    const waitMs = FIRST_WAIT_MS * 2 ** (PATIENCE - this.#patience);
    this.#patience--;
    this.#inFlight = 0;
    this.#parts.emptied();
    await this.#parts.waitForOthers(this.index, waitMs);
  }

  /** Rows are durable: what follows from that. */
  #settle(
    items: readonly LaneItem[],
    rows: readonly RowItem[],
    count: number,
    began: number,
  ): void {
    const last = rows.findLast((item) => item.position !== null);
    if (last !== undefined) this.checkpoint = last.position;
    for (const item of items)
      if (item.kind === "mark" || item.kind === "chunk-mark") this.#pass(item);
    this.#queue.drop(count);
    this.#inFlight = 0;
    if (rows.length > 0) this.#account(rows, this.#parts.clock.monotonic() - began);
  }

  #account(rows: readonly RowItem[], tookMs: number): void {
    let log = 0;
    let chunks = 0;
    let oldest: number | null = null;
    for (const item of rows) {
      if (item.position === null) chunks += item.bytes;
      else log += item.bytes;
      const time = item.change.transaction?.commitTimeMs;
      if (time !== undefined && (oldest === null || time < oldest)) oldest = time;
    }
    if (log > 0) this.#parts.logBytes.give(log);
    if (chunks > 0) this.#parts.chunkBytes.give(chunks);
    const changes = countChanges(rows);
    for (const { table, count } of changes) this.#parts.book.passed(table, count);
    this.#parts.observer.committed({
      lane: this.index,
      rows: rows.length,
      bytes: log + chunks,
      tookMs,
      oldestSourceMs: oldest,
      changes,
    });
  }

  #pass(mark: Mark | ChunkMark): void {
    if (mark.kind === "mark") this.#parts.passed(this.index, mark);
    else if (--mark.pending === 0) mark.passed(mark);
  }

  /** Stops at a key change that needs more than this lane's row: the last lane to come lets the owner write (I2). */
  async #meet(meeting: Meeting): Promise<void> {
    if (++meeting.arrived === meeting.lanes.length) meeting.gather();
    if (meeting.owner === this.index) {
      await until(this.#parts.signal, meeting.gathered);
      failpoint("lane.meeting");
      try {
        await this.#parts.meetings.write(meeting);
        meeting.finish();
      } catch (thrown) {
        meeting.finish(thrown);
        throw thrown;
      }
      this.#parts.logBytes.give(meeting.bytes);
    } else {
      // What breaks the owner ends the run, and with it this wait.
      await until(
        this.#parts.signal,
        meeting.done.catch(() => new Promise<never>(() => {})),
      );
    }
    this.checkpoint = meeting.position;
  }
}
