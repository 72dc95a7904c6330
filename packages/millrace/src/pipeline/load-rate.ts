import type { Clock } from "../model/ports.ts";
import type { TableId } from "../model/table.ts";

/** What was not used of a rate is kept for this long, so that pauses between two chunks do not lower it. */
const SAVED_MS = 1_000;
/** Within a chunk, which holds a snapshot, so much may be read ahead of the rate before it is waited for. */
const AHEAD_MS = 250;
/** A chunk is to hold its snapshot for about so long, where the rate would stretch it. */
const CHUNK_MS = 5_000;
/** What is read at once is to be paid for in about so long. */
const PAGE_MS = 1_000;
const LEAST_CHUNK_ROWS = 100;
/** What a row weighs is the mean of about so many. */
const RECENT_ROWS = 1_000;

/**
 * A token bucket that may be overdrawn: what was taken is paid for with time. So a page is never waited for before it is
 * known how much it was, and whoever comes next waits for what the last one took.
 */
export class TokenBucket {
  readonly #perMs: number;
  /** When all that was taken will be paid for, monotonic ms; null before anything was. */
  #paidAtMs: number | null = null;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000;
  }

  /** Takes so much, whether it is there or not. */
  take(amount: number, nowMs: number): void {
    const paidAtMs = Math.max(this.#paidAtMs ?? nowMs, nowMs - SAVED_MS);
    this.#paidAtMs = paidAtMs + amount / this.#perMs;
  }

  /** How long until all that was taken is paid for. */
  owedMs(nowMs: number): number {
    return this.#paidAtMs === null ? 0 : Math.max(0, this.#paidAtMs - nowMs);
  }
}

/** The bounds of a load; null is without. */
export interface LoadRateSettings {
  readonly maxRowsPerSecond: number | null;
  readonly maxBytesPerSecond: number | null;
}

/**
 * How fast INIT_SYNC may read, all chunks of a pipeline together. Only the load asks here: a log that is slowed down
 * would make the source keep more of it.
 */
export class LoadRate {
  readonly settings: LoadRateSettings;
  readonly #clock: Clock;
  readonly #rows: TokenBucket | null;
  readonly #bytes: TokenBucket | null;
  /** Rows of each table and their bytes, those read last above all: rows that were written later may be longer. */
  readonly #seen = new Map<TableId, { readonly rows: number; readonly bytes: number }>();
  #waiting = 0;
  #waitingSinceMs: number | null = null;
  #waitedMs = 0;

  constructor(settings: LoadRateSettings, clock: Clock) {
    const bucket = (perSecond: number | null) =>
      perSecond === null ? null : new TokenBucket(perSecond);
    this.settings = settings;
    this.#clock = clock;
    this.#rows = bucket(settings.maxRowsPerSecond);
    this.#bytes = bucket(settings.maxBytesPerSecond);
  }

  /** Somebody waits right now. */
  get isWaitedFor(): boolean {
    return this.#waiting > 0;
  }

  /** Since when somebody has waited without a break, milliseconds since 1970; null where nobody does. */
  get waitedForSinceMs(): number | null {
    return this.#waitingSinceMs;
  }

  /** How long chunks have waited, their times added up. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Rows of a table's chunk: fewer where one of `rows` would hold its snapshot for long only because of the rate. */
  chunkRows(rows: number, table: TableId): number {
    const { maxRowsPerSecond, maxBytesPerSecond } = this.settings;
    const byRows =
      maxRowsPerSecond === null
        ? rows
        : Math.max(LEAST_CHUNK_ROWS, (maxRowsPerSecond * CHUNK_MS) / 1_000);
    const byBytes = maxBytesPerSecond === null ? rows : this.#rowsOf(table, maxBytesPerSecond);
    return Math.min(rows, byRows, byBytes);
  }

  /** Rows of a table that are read at once, where the rate lets more of them through later only. */
  pageRows(table: TableId): number {
    return Math.max(1, Math.floor((this.chunkRows(Infinity, table) * PAGE_MS) / CHUNK_MS));
  }

  /** So many rows of the table as bytes may be read while a chunk lasts; few until one was seen, whatever they weigh. */
  #rowsOf(table: TableId, maxBytesPerSecond: number): number {
    const seen = this.#seen.get(table);
    if (seen === undefined || seen.bytes === 0) return LEAST_CHUNK_ROWS;
    const bytes = (maxBytesPerSecond * CHUNK_MS) / 1_000;
    return Math.max(1, Math.floor((bytes * seen.rows) / seen.bytes));
  }

  /** Says what was read: rows of a table, or without one only that something was. */
  took(rows: number, bytes: number, table?: TableId): void {
    const nowMs = this.#clock.monotonic();
    this.#rows?.take(rows, nowMs);
    this.#bytes?.take(bytes, nowMs);
    if (this.#bytes === null || table === undefined || rows === 0) return;
    const seen = this.#seen.get(table) ?? { rows: 0, bytes: 0 };
    const share = seen.rows >= RECENT_ROWS ? 0.5 : 1;
    this.#seen.set(table, {
      rows: seen.rows * share + rows,
      bytes: seen.bytes * share + bytes,
    });
  }

  /** Resolves when all is paid for: to be asked before a snapshot is taken, which nobody waits in then. */
  paid(signal: AbortSignal): Promise<void> {
    return this.#until(0, signal);
  }

  /** Resolves when no more was read than may be ahead: between two pages of a chunk. */
  inTime(signal: AbortSignal): Promise<void> {
    return this.#until(AHEAD_MS, signal);
  }

  async #until(aheadMs: number, signal: AbortSignal): Promise<void> {
    if (this.#owedMs() <= aheadMs) return;
    const beganMs = this.#clock.monotonic();
    this.#waiting++;
    this.#waitingSinceMs ??= this.#clock.now();
    try {
      // Others read meanwhile: what is owed then is more than it was.
      for (let owedMs = this.#owedMs(); owedMs > aheadMs; owedMs = this.#owedMs())
        await this.#clock.sleep(Math.ceil(owedMs - aheadMs), signal);
    } finally {
      if (--this.#waiting === 0) this.#waitingSinceMs = null;
      this.#waitedMs += this.#clock.monotonic() - beganMs;
    }
  }

  #owedMs(): number {
    const nowMs = this.#clock.monotonic();
    return Math.max(this.#rows?.owedMs(nowMs) ?? 0, this.#bytes?.owedMs(nowMs) ?? 0);
  }
}
