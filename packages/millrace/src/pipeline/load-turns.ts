import type { Clock } from "../model/ports.ts";
import { until } from "./until.ts";

/** Changes that came so lately are given way to. */
const BESIDE_MS = 1_000;
/** What a load has at least: one lane for so much of its time. */
const LEAST_LANES = 0.25;
/** A load begins beside changes with this much, and finds out. */
const FIRST_LANES = 0.5;
/** How long is looked before the number of lanes is another one, and at how many transactions. */
const STEP_MS = 100;
const STEP_TRANSACTIONS = 5;
const [FASTER, SLOWER] = [1.1, 0.7];
/** A load may make changes so much later on average, or by so much of what they take without it. */
const ALLOWED_MS = 1.5;
const ALLOWED_SHARE = 0.25;
/** What changes take without a load is known for so long; then the load rests until some have come without it. */
const KNOWN_MS = 5_000;
/** Of a new measurement in what is known. */
const WEIGHT = 0.05;
/** A rest is no longer, and a transaction that takes longer lets others begin: a load goes on whatever happens. */
const LONGEST_MS = 250;
const LONGEST_LOOK_MS = 1_000;

/** The load's turns as the lanes of one run have them. */
export interface LaneTurns {
  /** Changes come that a load would make late: what is read and sent of it should be little at a time. */
  readonly areFew: boolean;
  /** Whether a lane may send rows of a load now. It has to say when they are {@link ended}. */
  take(): boolean;
  /** A turn is over. */
  ended(): void;
  /** Calls back, once, when there may be a turn. */
  whenFree(wake: () => void): void;
  /** Changes of tables in SYNC are durable, the first of which came to its lane then. */
  changed(cameMs: number): void;
}

/** What is taken at once, and whose. */
interface Taker {
  busy: number;
  readonly lanes: number;
  isOver: boolean;
}

/**
 * How many lanes may have a load's transaction in flight at once: all of them while no changes of tables in SYNC come.
 * Beside such changes as many as leave these about as late as they are without a load, with rests in between where one
 * is too many already. It is measured, not assumed: a load that keeps nobody waiting, for the sink is far away or the
 * machine has cores to spare, gets all of them (design/005). One for all tasks of a pipeline: what one of them loads makes
 * changes of the others late.
 */
export class LoadTurns {
  readonly #clock: Clock;
  readonly #isOn: boolean;
  readonly #waiting = new Set<() => void>();
  #wakesAtMs: number | null = null;
  /** Ends the timer that wakes who waits. */
  #timer = new AbortController();
  /** Of all runs that go on. */
  #most = 0;
  #lanes = FIRST_LANES;
  #busy = 0;
  #beganMs = -Infinity;
  #endedMs = -Infinity;
  /** No turn begins before. */
  #restsUntilMs = -Infinity;
  #changeMs = -Infinity;
  /** How late changes are that no transaction of a load was beside; null until some were. */
  #aloneMs: number | null = null;
  /** When that was looked at last. */
  #lookedMs = -Infinity;
  /** The load rests until it is known. */
  #looks = false;
  #stepMs = -Infinity;
  #lateMs = 0;
  #transactions = 0;

  /** All lanes have their turn at any time where it is not on. */
  constructor(clock: Clock, isOn = true) {
    this.#clock = clock;
    this.#isOn = isOn;
  }

  /** A run with so many lanes. When the signal aborts nobody of it has a turn any more, nor waits for one. */
  ofRun(lanes: number, signal: AbortSignal): LaneTurns {
    const run: Taker = { busy: 0, lanes, isOver: false };
    this.#most += lanes;
    const end = (): void => this.#endRun(run);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    const areFew = (): boolean => this.areFew;
    return {
      get areFew() {
        return areFew();
      },
      take: () => this.#take(run),
      ended: () => this.#ended(run),
      whenFree: (wake) => {
        if (run.isOver) wake();
        else this.#whenFree(wake);
      },
      changed: (cameMs) => this.#changed(cameMs),
    };
  }

  /** Changes come that a load would make late: what is read and sent of it should be little at a time. */
  get areFew(): boolean {
    return this.#isBeside(this.#clock.monotonic()) && this.#lanes < this.#most;
  }

  /** The same, and a load is there. */
  get givesWay(): boolean {
    const isThere = this.#busy > 0 || this.#clock.monotonic() - this.#endedMs < BESIDE_MS;
    return isThere && this.areFew;
  }

  /**
   * A turn for what is no lane's: `work` begins when there is one, which is over with it or with the signal. Rejects where
   * that aborts before.
   */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const own: Taker = { busy: 0, lanes: 0, isOver: false };
    const end = (): void => this.#endRun(own);
    signal.throwIfAborted();
    signal.addEventListener("abort", end, { once: true });
    try {
      while (!this.#take(own)) await this.#free(signal);
      return await work();
    } finally {
      signal.removeEventListener("abort", end);
      this.#ended(own);
    }
  }

  async #free(signal: AbortSignal): Promise<void> {
    const free = Promise.withResolvers<void>();
    this.#whenFree(free.resolve);
    try {
      await until(signal, free.promise);
    } finally {
      this.#forget(free.resolve);
    }
  }

  #take(of: Taker): boolean {
    const nowMs = this.#clock.monotonic();
    if (of.isOver || this.#waitMs(nowMs) > 0) return false;
    this.#busy++;
    of.busy++;
    this.#beganMs = nowMs;
    return true;
  }

  /** One that goes on behind the end of its run ends nobody else's turn. */
  #ended(of: Taker): void {
    if (of.busy === 0) return;
    const nowMs = this.#clock.monotonic();
    this.#busy--;
    of.busy--;
    this.#endedMs = nowMs;
    this.#restsUntilMs = Math.max(this.#restsUntilMs, nowMs + this.#restMs(nowMs));
    this.#wake();
  }

  #endRun(run: Taker): void {
    run.isOver = true;
    this.#most -= run.lanes;
    if (run.busy > 0) this.#endedMs = this.#clock.monotonic();
    this.#busy -= run.busy;
    run.busy = 0;
    // Those of other runs wait again.
    this.#wake();
  }

  /** One timer for all that wait: they wait and are woken for each change. */
  #whenFree(wake: () => void): void {
    this.#waiting.add(wake);
    const nowMs = this.#clock.monotonic();
    const atMs = nowMs + this.#waitMs(nowMs);
    if (this.#wakesAtMs !== null && this.#wakesAtMs <= atMs) return;
    this.#endTimer();
    this.#wakesAtMs = atMs;
    const { signal } = this.#timer;
    this.#clock.sleep(Math.ceil(atMs - nowMs), signal).then(
      () => {
        if (!signal.aborted) this.#wake();
      },
      () => undefined,
    );
  }

  #forget(wake: () => void): void {
    this.#waiting.delete(wake);
    if (this.#waiting.size === 0) this.#endTimer();
  }

  #endTimer(): void {
    if (this.#wakesAtMs === null) return;
    this.#wakesAtMs = null;
    this.#timer.abort();
    this.#timer = new AbortController();
  }

  #changed(cameMs: number): void {
    const nowMs = this.#clock.monotonic();
    const lateMs = nowMs - cameMs;
    this.#changeMs = nowMs;
    this.#lateMs += lateMs;
    this.#transactions++;
    if (this.#busy === 0 && this.#endedMs <= cameMs) this.#wereAlone(lateMs, nowMs);
    if (nowMs - this.#stepMs >= STEP_MS && this.#transactions >= STEP_TRANSACTIONS)
      this.#step(nowMs);
  }

  #wereAlone(lateMs: number, nowMs: number): void {
    // What was known is old where it was looked for.
    const known = this.#looks ? lateMs : (this.#aloneMs ?? lateMs);
    this.#aloneMs = known + WEIGHT * (lateMs - known);
    this.#lookedMs = nowMs;
    if (!this.#looks) return;
    this.#looks = false;
    this.#restsUntilMs = nowMs;
    this.#wake();
  }

  #step(nowMs: number): void {
    const meanMs = this.#lateMs / this.#transactions;
    const isLoading = this.#busy > 0 || this.#endedMs >= this.#stepMs;
    this.#stepMs = nowMs;
    this.#lateMs = 0;
    this.#transactions = 0;
    // What the last load came to says little of the next one.
    if (nowMs - this.#endedMs > BESIDE_MS && this.#busy === 0)
      this.#lanes = Math.min(this.#lanes, FIRST_LANES);
    if (this.#aloneMs === null || !isLoading) return;
    // Without a load they would not be later than with one.
    this.#aloneMs = Math.min(this.#aloneMs, meanMs);
    const allowedMs = Math.max(ALLOWED_MS, this.#aloneMs * ALLOWED_SHARE);
    const byMs = meanMs - this.#aloneMs;
    if (byMs > allowedMs) this.#lanes = Math.max(LEAST_LANES, this.#lanes * SLOWER);
    else if (byMs < allowedMs / 2)
      this.#lanes = Math.min(Math.max(this.#most, LEAST_LANES), this.#lanes * FASTER);
  }

  /** After a turn: as long as leaves it its share of a lane's time, or until changes have been looked at without it. */
  #restMs(nowMs: number): number {
    if (nowMs - this.#lookedMs > KNOWN_MS) {
      this.#looks = true;
      this.#lookedMs = nowMs;
      return LONGEST_LOOK_MS;
    }
    const rest = Math.max(0, 1 / this.#lanes - 1);
    return Math.min(LONGEST_MS, rest * (nowMs - this.#beganMs));
  }

  #isBeside(nowMs: number): boolean {
    return this.#isOn && nowMs - this.#changeMs < BESIDE_MS;
  }

  /** How long no turn begins, unless one ends before; 0 where one may now. */
  #waitMs(nowMs: number): number {
    if (!this.#isBeside(nowMs)) return 0;
    const restMs = Math.max(0, this.#restsUntilMs - nowMs);
    const isFree = this.#busy < Math.max(1, Math.floor(this.#lanes));
    return isFree ? restMs : Math.max(restMs, this.#beganMs + LONGEST_MS - nowMs);
  }

  #wake(): void {
    this.#endTimer();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
