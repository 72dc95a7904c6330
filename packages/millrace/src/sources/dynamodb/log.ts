import { toMillraceError } from "../../errors/to-millrace-error.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { failpoint } from "../../model/failpoint.ts";
import type { Change, LogBatch, Transaction } from "../../model/change.ts";
import type { Clock } from "../../model/ports.ts";
import type { Position } from "../../model/position.ts";
import type { SourceLog } from "../../model/source.ts";
import type { AgeRules } from "./age-rules.ts";
import type { DynamoApi, StreamRecord } from "./api.ts";
import { ByteRoom, type SharedRoom } from "./byte-room.ts";
import { LeftOutRecords } from "./left-out-records.ts";
import type { Loss } from "./log-errors.ts";
import { changeAt, type ChangePosition, type Standing, toPosition } from "./position.ts";
import type { ServiceClock } from "./service-clock.ts";
import { ShardLists } from "./shard-lists.ts";
import { type ShardPage, ShardReader } from "./shard-reader.ts";
import { type ShardStart, ShardTree } from "./shard-tree.ts";
import { ShardWatch } from "./shard-watch.ts";
import { recordTransaction } from "./item-rows.ts";
import type { TimeGoal } from "./time-goal.ts";

/** A batch is given once it weighs this much. */
const BATCH_BYTES = 1_048_576;
/** What was read of a table's stream and is not given yet, bytes of answers (I10); all tables have a bound together. */
const ROOM_BYTES = 8 * 1_048_576;
/** An idle stream tells this often that it was looked at: its place must not grow old (I11), and costs a commit each time. */
const IDLE_BATCH_MS = 15_000;
/** Between questions while somebody waits for the stream's end. */
const HURRIED_POLL_MS = 1_000;

/** What a {@link TableLog} is made of. */
export interface TableLogParts {
  readonly api: DynamoApi;
  readonly table: string;
  readonly stream: string;
  readonly from: Standing;
  readonly change: (
    record: StreamRecord,
    position: ChangePosition,
    transaction: Transaction,
  ) => Change;
  readonly rules: AgeRules;
  readonly clock: Clock;
  readonly serviceClock: ServiceClock;
  readonly goal: TimeGoal;
  readonly room: SharedRoom;
  readonly readEveryMs: number;
  readonly idlePollMs: number;
  readonly shardDiscoveryMs: number;
  /** So many records were left out by their age. */
  readonly leftOut: (records: number) => void;
  readonly throttled: (shard: string, isThrottled: boolean) => void;
  readonly lost: (loss: Loss, cause?: unknown) => MillraceError;
}

/**
 * A table's stream as a log: a reader for each shard, their pages in the order in which they come, children behind their parents
 * (I2). A batch's position is the standing behind its pages.
 */
export class TableLog implements SourceLog {
  readonly #parts: TableLogParts;
  readonly #tree: ShardTree;
  readonly #watch: ShardWatch;
  readonly #room: ByteRoom;
  readonly #readers = new Map<string, ShardReader>();
  readonly #closed = new AbortController();
  readonly #tooOld: LeftOutRecords;
  /** Pages in the order in which they came. */
  #pages: ShardPage[] = [];
  #told: Standing;
  #failure: unknown = null;
  #wake: (() => void) | null = null;
  #leftOut = 0;

  constructor(parts: TableLogParts) {
    this.#parts = parts;
    this.#room = new ByteRoom(ROOM_BYTES, parts.room);
    this.#told = parts.from;
    this.#tooOld = new LeftOutRecords(parts.rules);
    this.#tree = new ShardTree(parts.from);
    this.#watch = new ShardWatch({
      lists: new ShardLists(parts.api, parts.stream, parts.serviceClock),
      tree: this.#tree,
      clock: parts.clock,
      everyMs: parts.shardDiscoveryMs,
      begin: (starts) => this.#begin(starts),
      lost: parts.lost,
      signal: this.#closed.signal,
    });
    this.#watch.run().catch((thrown: unknown) => this.#fail(thrown));
  }

  async next(): Promise<LogBatch> {
    for (;;) {
      // What was read before goes out first: nothing of it is lost with the failure.
      if (this.#pages.length > 0) return this.#batch();
      if (this.#failure !== null) throw toMillraceError(this.#failure, "MR_SOURCE_LOST_CONNECTION");
      if (this.#tree.isOver) throw this.#parts.lost({ why: "disabled" });
      if (this.#isWorthTelling) return this.#batch();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Streams keep their records for 24 hours, whoever has read them. */
  acknowledge(_position: Position): void {
    // Nothing to be told.
  }

  close(): Promise<void> {
    const error = new MillraceError("MR_SOURCE_LOST_CONNECTION", "the stream's log was closed");
    this.#fail(error);
    return Promise.resolve();
  }

  /** All that there is was given, and `from` is behind it: only time has passed since. */
  isIdleAt({ shards }: Standing): boolean {
    if (this.#pages.length > 0 || this.#tree.childless().length > 0) return false;
    for (const reader of this.#readers.values()) if (!reader.isAtTip) return false;
    const now = this.#tree.standing.shards;
    return Object.keys(now).every((shard) => (shards[shard] ?? "") === now[shard]);
  }

  /** Shards that cannot be read yet because the service does not list their parents, or children of ended ones. */
  get unlisted(): readonly string[] {
    return [...this.#tree.orphans(), ...this.#tree.childless()];
  }

  /** Records that were left out by their age. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Somebody waits for the stream's end. */
  hurry(): void {
    this.#notify();
  }

  #begin(starts: readonly ShardStart[]): void {
    if (this.#closed.signal.aborted) return;
    for (const start of starts) {
      this.#tooOld.begin(start);
      const reader = this.#reader(start);
      this.#readers.set(start.id, reader);
      failpoint("dynamodb-shard.begun");
      reader.run().catch((thrown: unknown) => this.#fail(thrown));
    }
    this.#notify();
  }

  #reader(start: ShardStart): ShardReader {
    const { api, stream, clock, serviceClock, rules, throttled, goal } = this.#parts;
    const { idlePollMs, readEveryMs } = this.#parts;
    const parts = {
      api,
      stream,
      clock,
      serviceClock,
      room: this.#room,
      rules,
      readEveryMs,
      idlePollMs: () =>
        goal.isAhead(this.#told.timeMs) ? Math.min(HURRIED_POLL_MS, idlePollMs) : idlePollMs,
      deliver: (page: ShardPage) => this.#deliver(page),
      isListed: (shard: string) => this.#watch.isListed(shard),
      throttled: (isThrottled: boolean) => throttled(start.id, isThrottled),
      lost: this.#parts.lost,
      signal: this.#closed.signal,
    };
    return new ShardReader(parts, start);
  }

  /** An empty page behind which nothing waits only moves the time: it need not wake anybody. */
  #deliver(page: ShardPage): void {
    const { shard, records, isLast, readToMs, bytes } = page;
    if (records.length > 0 || isLast || this.#pages.some((before) => before.shard === shard)) {
      this.#pages.push(page);
      this.#notify();
      return;
    }
    this.#room.give(bytes);
    this.#tree.given(shard, null, readToMs);
    if (this.#isWorthTelling) this.#notify();
  }

  get #isWorthTelling(): boolean {
    const { timeMs } = this.#tree;
    if (timeMs >= this.#told.timeMs + IDLE_BATCH_MS) return true;
    const { goal } = this.#parts;
    return timeMs > this.#told.timeMs && goal.isReached(this.#told.timeMs, timeMs);
  }

  /** Pages up to a bound, as one batch. One page is given whole, whatever its size: the service bounds it by 1 MB. */
  #batch(): LogBatch {
    const items: Change[] = [];
    let [bytes, read, taken, timeMs] = [0, 0, 0, null as number | null];
    for (const page of this.#pages) {
      taken++;
      bytes += this.#take(page, items);
      read += page.bytes;
      timeMs = page.records.at(-1)?.timeMs ?? timeMs;
      if (read >= BATCH_BYTES) break;
    }
    this.#pages = this.#pages.slice(taken);
    this.#room.give(read);
    this.#told = this.#tree.standing;
    const position = toPosition(this.#told);
    failpoint("dynamodb-log.batch");
    return {
      items,
      position,
      acknowledge: position,
      sourceTimeMs: timeMs ?? this.#told.timeMs,
      bytes,
    };
  }

  /** Hot: per record. What the items weigh. */
  #take({ shard, records, readToMs, isLast }: ShardPage, items: Change[]): number {
    const { change } = this.#parts;
    let bytes = 0;
    let leftOut = 0;
    for (const record of records) {
      if (this.#tooOld.has(shard, record)) {
        leftOut++;
        continue;
      }
      const item = change(record, changeAt(shard, record.sequence), recordTransaction(record));
      bytes += item.bytes;
      items.push(item);
    }
    if (leftOut > 0) this.#tellLeftOut(leftOut);
    this.#tree.given(shard, records.at(-1)?.sequence ?? null, readToMs);
    if (isLast) this.#ended(shard);
    return bytes;
  }

  #tellLeftOut(records: number): void {
    this.#leftOut += records;
    this.#parts.leftOut(records);
  }

  /** Children begin to be read now: their pages come behind this one. */
  #ended(shard: string): void {
    this.#readers.delete(shard);
    this.#tree.ended(shard);
    failpoint("dynamodb-shard.ended");
    this.#watch.ended();
  }

  #fail(thrown: unknown): void {
    if (this.#failure === null) this.#failure = thrown;
    this.#closed.abort(this.#failure);
    this.#room.close();
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
