import type { Clock } from "../../model/ports.ts";
import type { AgeRules } from "./age-rules.ts";
import type { DynamoApi, RecordsPage, StreamRecord } from "./api.ts";
import type { ByteRoom } from "./byte-room.ts";
import { faultKind, type Loss } from "./log-errors.ts";
import { BEGIN, compareSequences } from "./sequence.ts";
import type { ServiceClock } from "./service-clock.ts";
import { openedMs } from "./shard-id.ts";
import { ShardTip } from "./shard-tip.ts";
import type { ShardStart } from "./shard-tree.ts";

/** What one question of a shard brought. */
export interface ShardPage {
  readonly shard: string;
  readonly records: readonly StreamRecord[];
  /** Everything before this is read of the shard; milliseconds since 1970, the service's clock. */
  readonly readToMs: number;
  /** Nothing comes after it. */
  readonly isLast: boolean;
  /** What it holds of the room, bytes. */
  readonly bytes: number;
}

/** What a {@link ShardReader} is made of. */
export interface ShardReaderParts {
  readonly api: Pick<DynamoApi, "shardIterator" | "records">;
  readonly stream: string;
  readonly clock: Clock;
  readonly serviceClock: ServiceClock;
  readonly room: ByteRoom;
  readonly rules: AgeRules;
  /** The least time between two questions. */
  readonly readEveryMs: number;
  /** The longest pause between two questions that bring nothing. */
  readonly idlePollMs: () => number;
  readonly deliver: (page: ShardPage) => void;
  /** Whether the service lists the shard still, asked anew. */
  readonly isListed: (shard: string) => Promise<boolean>;
  readonly throttled: (isThrottled: boolean) => void;
  readonly lost: (loss: Loss, cause?: unknown) => Error;
  readonly signal: AbortSignal;
}

/** The first pause behind a question that brought nothing, or was refused. Five a second are allowed (developer guide, quotas). */
const READ_EVERY_MS = 200;
/** The longest pause while a shard's tip has to be proven by many answers. */
const FAR_PAUSE_MS = 500;
/** Iterators live for 15 minutes; one that waited for room for long is not used any more. */
const ITERATOR_LIFE_MS = 10 * 60_000;
/** What an answer has at most (GetRecords), bytes: of a shard that has not answered yet nothing less is certain. */
const FIRST_PAGE_BYTES = 1_048_576;
/** Of a shard that brought little, bytes. */
const LEAST_PAGE_BYTES = 8_192;
const THROTTLED_MS = 10_000;
const LIMIT = 1_000;

/**
 * Reads one shard from where it was left to its end. Whoever uses what it delivers gives the room back: while there is none, it
 * does not ask. An iterator that expired is renewed behind the last record that was read, never at the newest one (I1).
 */
export class ShardReader {
  readonly #parts: ShardReaderParts;
  readonly #shard: string;
  #iterator: string | null = null;
  #iteratorAtMs = 0;
  /** The last record that was read. */
  #last: string;
  #readToMs: number;
  /** Read from its oldest record on, though some of that was read before. */
  #reads: "behind-last" | "from-horizon";
  /** When the last record that was read was written, as far as this reader knows. */
  #lastMs: number;
  #tip: ShardTip;
  #expectedBytes = FIRST_PAGE_BYTES;
  #pauseMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ShardReaderParts, { id, after, readToMs }: ShardStart) {
    this.#parts = parts;
    this.#shard = id;
    this.#last = after;
    this.#readToMs = readToMs;
    this.#reads = after === BEGIN ? "from-horizon" : "behind-last";
    // A place tells its sequence number, not its time: the iterator behind it may have all of the shard before it.
    const opened = openedMs(id);
    this.#lastMs = Number.isFinite(opened) ? opened : Number.NEGATIVE_INFINITY;
    this.#tip = new ShardTip(this.#lastMs);
  }

  /** All that there was of it is read, as far as anybody can tell, and there is more to come. */
  get isAtTip(): boolean {
    return this.#tip.isProven;
  }

  /** Resolves when the shard was read to its end; rejects with what stops the log. */
  async run(): Promise<void> {
    const { signal, throttled } = this.#parts;
    try {
      while (!signal.aborted) {
        await this.#rest();
        const isOver = await this.#turn();
        if (isOver) return;
      }
    } finally {
      throttled(false);
    }
  }

  async #rest(): Promise<void> {
    const { clock, signal, readEveryMs } = this.#parts;
    const waitMs = this.#readAtMs + Math.max(readEveryMs, this.#pauseMs) - clock.monotonic();
    if (waitMs > 0) await clock.sleep(waitMs, signal);
  }

  /** True when nothing more comes. */
  async #turn(): Promise<boolean> {
    const { room, signal } = this.#parts;
    const expected = this.#expectedBytes;
    await room.take(expected, signal);
    let page: RecordsPage | "gone" | null;
    try {
      page = await this.#read();
    } catch (thrown) {
      room.give(expected);
      throw thrown;
    }
    if (page === null || page === "gone") room.give(expected);
    if (page === null) return false;
    if (page === "gone") return this.#deliver({ records: [], isLast: true, bytes: 0 });
    room.add(page.bytes - expected);
    return this.#took(page);
  }

  /** Null where it has to be asked again. */
  async #read(): Promise<RecordsPage | "gone" | null> {
    const { api, clock, signal, serviceClock, throttled } = this.#parts;
    this.#readAtMs = clock.monotonic();
    try {
      const isOld = this.#readAtMs - this.#iteratorAtMs > ITERATOR_LIFE_MS;
      const iterator = this.#iterator === null || isOld ? await this.#open() : this.#iterator;
      const told = serviceClock.asking();
      const page = await api.records(iterator, { limit: LIMIT, signal });
      this.#iterator = page.next;
      this.#iteratorAtMs = clock.monotonic();
      told(page.timeMs);
      throttled(false);
      return page;
    } catch (thrown) {
      signal.throwIfAborted();
      return this.#meet(thrown);
    }
  }

  async #open(): Promise<string> {
    const { api, stream, clock, signal } = this.#parts;
    this.#tip = new ShardTip(this.#lastMs);
    const start =
      this.#reads === "from-horizon"
        ? ({ at: "TRIM_HORIZON" } as const)
        : ({ at: "AFTER_SEQUENCE_NUMBER", sequence: this.#last } as const);
    const iterator = await api.shardIterator(stream, this.#shard, start, signal);
    this.#iterator = iterator;
    this.#iteratorAtMs = clock.monotonic();
    return iterator;
  }

  async #meet(thrown: unknown): Promise<"gone" | null> {
    const { rules, serviceClock, lost, throttled } = this.#parts;
    const kind = faultKind(thrown);
    // A refused question moves no iterator: a new one would have the shard's tip to be proven from the beginning.
    if (kind !== "throttled") this.#iterator = null;
    switch (kind) {
      case "expired-iterator":
        return null;
      case "throttled":
        throttled(true);
        this.#pauseMs = Math.min(THROTTLED_MS, Math.max(READ_EVERY_MS, this.#pauseMs) * 2);
        return null;
      case "trimmed":
        if (!rules.mayBeTrimmed(this.#readToMs, serviceClock.nowMs()))
          throw lost({ why: "trimmed", shard: this.#shard }, thrown);
        this.#reads = "from-horizon";
        return null;
      case "missing":
        return this.#meetMissing(thrown);
      default:
        throw thrown;
    }
  }

  /** Stand-ins forget iterators; else the shard is gone, with nothing in it that anybody wants, or it is a loss (I8). */
  async #meetMissing(thrown: unknown): Promise<"gone" | null> {
    const { rules, serviceClock, isListed, lost } = this.#parts;
    this.#pauseMs = Math.min(THROTTLED_MS, Math.max(READ_EVERY_MS, this.#pauseMs) * 2);
    if (await isListed(this.#shard)) return null;
    if (rules.mayBeTrimmed(this.#readToMs, serviceClock.nowMs())) return "gone";
    throw lost({ why: "shard-gone", shard: this.#shard }, thrown);
  }

  #took(page: RecordsPage): boolean {
    const { rules, lost } = this.#parts;
    if (rules.isTooOld(this.#readToMs, page.timeMs))
      throw lost(rules.tooOld(this.#readToMs, page.timeMs));
    const records = this.#unread(page.records);
    const isLast = page.next === null;
    this.#see(page, isLast);
    this.#paceBy(page);
    const last = records.at(-1);
    if (last !== undefined) {
      this.#last = last.sequence;
      this.#reads = "behind-last";
      this.#readToMs = Math.max(this.#readToMs, last.timeMs);
    }
    return this.#deliver({ records, isLast, bytes: page.bytes });
  }

  #deliver(page: Pick<ShardPage, "records" | "isLast" | "bytes">): boolean {
    const { deliver } = this.#parts;
    deliver({ ...page, shard: this.#shard, readToMs: this.#readToMs });
    return page.isLast;
  }

  /** Read from the horizon once more, a shard gives what it gave before. */
  #unread(records: readonly StreamRecord[]): readonly StreamRecord[] {
    const last = this.#last;
    const [first] = records;
    if (last === BEGIN || first === undefined || compareSequences(first.sequence, last) > 0)
      return records;
    return records.filter(({ sequence }) => compareSequences(sequence, last) > 0);
  }

  /** What an answer says of the shard's tip: an iterator moves on with each, with records or without. */
  #see({ records, timeMs }: RecordsPage, isLast: boolean): void {
    const last = records.at(-1);
    if (last !== undefined) {
      this.#lastMs = last.timeMs;
      this.#tip.passed(last.timeMs);
    } else if (!isLast) {
      const readToMs = this.#tip.empty(timeMs, this.#parts.clock.monotonic());
      if (readToMs !== null) this.#readToMs = Math.max(this.#readToMs, readToMs);
    }
  }

  #paceBy({ records, bytes }: RecordsPage): void {
    const isEmpty = records.length === 0;
    const idleMs = this.#parts.idlePollMs();
    const longest = this.#tip.isFar ? Math.min(FAR_PAUSE_MS, idleMs) : idleMs;
    this.#pauseMs = isEmpty ? Math.min(longest, Math.max(READ_EVERY_MS, this.#pauseMs * 2)) : 0;
    this.#expectedBytes = Math.max(LEAST_PAGE_BYTES, isEmpty ? 0 : bytes);
  }
}
