import type { Clock } from "../../model/ports.ts";
import type { TableDescription } from "./api.ts";

/** Read units per second that an on-demand table bears without having been warmed up. Source: DynamoDB developer guide, on-demand mode. */
const ON_DEMAND_UNITS = 12_000;
/** After a refusal, of what was read before. */
const SLOWER = 0.5;
const LEAST_SHARE = 0.01;
/** Of the whole rate, regained in each second without a refusal. */
const REGAINED_PER_SECOND = 0.02;
const REFUSED_PAUSE_MS = 1_000;
const UNIT_BYTES = 4_096;
/** What a page has at most. Source: Scan. */
const PAGE_BYTES = 1_048_576;
/** A page takes about as long as this at the rate, so that the table is read evenly and no window stays open for long. */
const PAGE_MS = 1_000;

/** What bounds a table's scan. */
export interface ReadLimits {
  readonly capacityShare: number;
  readonly maxUnits: number | null;
  readonly consistent: boolean;
}

/**
 * Read units per second that the pipeline takes of a table: a share of its throughput, and less while the service refuses.
 * Each page is paid when it is there: whoever asks next waits until that is worked off.
 */
export class ReadRate {
  readonly #limits: ReadLimits;
  readonly #clock: Clock;
  /** What is allowed when nothing is refused, units per second. */
  #goal = ON_DEMAND_UNITS;
  #share = 1;
  #owed = 0;
  #atMs: number;
  #refusedMs: number | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(limits: ReadLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#atMs = clock.monotonic();
  }

  /** The table's throughput may be another one now. */
  described({ readUnits, maxReadUnits }: TableDescription): void {
    const { capacityShare, maxUnits } = this.#limits;
    const units = readUnits > 0 ? readUnits : (maxReadUnits ?? ON_DEMAND_UNITS);
    this.#goal = Math.max(
      0.5,
      Math.min(units * capacityShare, maxUnits ?? Number.POSITIVE_INFINITY),
    );
  }

  /** Units per second right now. */
  get unitsPerSecond(): number {
    return this.#goal * this.#share;
  }

  /** When the service refused last, while it is read slower for that; monotonic milliseconds. */
  get refusedMs(): number | null {
    return this.#share < 1 ? this.#refusedMs : null;
  }

  /** Most items of a page; undefined where a page of any size is small enough. */
  itemsPerPage({ sizeBytes, itemCount }: TableDescription): number | undefined {
    const perUnit = this.#limits.consistent ? UNIT_BYTES : 2 * UNIT_BYTES;
    const bytes = (this.unitsPerSecond * perUnit * PAGE_MS) / 1_000;
    if (bytes >= PAGE_BYTES) return undefined;
    const itemBytes = itemCount > 0 ? Math.max(1, sizeBytes / itemCount) : UNIT_BYTES;
    return Math.max(1, Math.floor(bytes / itemBytes));
  }

  /** Resolves when what was read is paid. One after another, so that two do not go at once for one payment. */
  paid(signal: AbortSignal): Promise<void> {
    const mine = this.#queue.then(() => this.#wait(signal));
    this.#queue = mine.catch(() => undefined); // whoever waited hears of it
    return mine;
  }

  /** So many units were read. */
  took(units: number): void {
    this.#pass();
    this.#owed += units;
  }

  /** The service refused: it is read at half the rate, after a pause. */
  refused(): void {
    this.#pass();
    this.#share = Math.max(LEAST_SHARE, this.#share * SLOWER);
    this.#refusedMs = this.#clock.monotonic();
    this.#owed = Math.max(this.#owed, (this.unitsPerSecond * REFUSED_PAUSE_MS) / 1_000);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      this.#pass();
      if (this.#owed <= 0) return;
      const waitMs = (this.#owed / this.unitsPerSecond) * 1_000;
      await this.#clock.sleep(Math.min(REFUSED_PAUSE_MS, Math.ceil(waitMs)), signal);
    }
  }

  /** What time has paid. Nothing is saved up: a scan that rested does not make up for it. */
  #pass(): void {
    const now = this.#clock.monotonic();
    const seconds = (now - this.#atMs) / 1_000;
    this.#atMs = now;
    this.#owed = Math.max(0, this.#owed - seconds * this.unitsPerSecond);
    this.#share = Math.min(1, this.#share + seconds * REGAINED_PER_SECOND);
  }
}
