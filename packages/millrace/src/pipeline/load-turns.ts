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
  /** That of one lane; `there` is called when it has come. */
  turn(there: () => void): LoadTurn;
  /** Changes of tables in SYNC are durable, the first of which came to its lane then. */
  changed(cameMs: number): void;
}

/**
 * The turns of one lane, or of who is none: one after the other, and each behind those of all that wanted one before. Who
 * asked keeps its place, and what comes of it, until it says that it wants none, whatever it does meanwhile.
 */
export interface LoadTurn {
  /** It has come, and was not ended. */
  readonly isThere: boolean;
  /** Whether it is there, now that somebody asks who makes use of it at once. */
  take(): boolean;
  /** It is over, or nobody wants it any more. */
  end(): void;
}

/** A lane's: `away` wants none; `here` has one that it makes no use of yet. */
interface Place {
  readonly of: Taker;
  readonly there: () => void;
  state: "away" | "waits" | "here" | "works";
  hereMs: number;
}

/** Those whose turns end together. */
interface Taker {
  readonly places: Place[];
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
  /** Who wants a turn, in the order in which they came. */
  readonly #queue = new Set<Place>();
  #wakesAtMs: number | null = null;
  /** Ends the timer that looks whether there is a turn for who waits. */
  #timer = new AbortController();
  /** Of all runs that go on. */
  #most = 0;
  #lanes = FIRST_LANES;
  /** Whose turn is there, and who makes use of it. */
  readonly #here = new Set<Place>();
  readonly #works = new Set<Place>();
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
    const run: Taker = { places: [], lanes, isOver: false };
    this.#most += lanes;
    const end = (): void => this.#endAll(run);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
    const areFew = (): boolean => this.areFew;
    return {
      get areFew() {
        return areFew();
      },
      turn: (there) => this.#turnOf(run, there),
      changed: (cameMs) => this.#changed(cameMs),
    };
  }

  /** Changes come that a load would make late: what is read and sent of it should be little at a time. */
  get areFew(): boolean {
    return this.#isBeside(this.#clock.monotonic()) && this.#lanes < this.#most;
  }

  /** The same, and a load is there. */
  get givesWay(): boolean {
    const isThere = this.#works.size > 0 || this.#clock.monotonic() - this.#endedMs < BESIDE_MS;
    return isThere && this.areFew;
  }

  /**
   * A turn for what is no lane's: `work` begins when there is one, which is over with it or with the signal. Rejects where
   * that aborts before.
   */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const own: Taker = { places: [], lanes: 0, isOver: false };
    const end = (): void => this.#endAll(own);
    const there = Promise.withResolvers<void>();
    const turn = this.#turnOf(own, there.resolve);
    signal.throwIfAborted();
    signal.addEventListener("abort", end, { once: true });
    try {
      if (!turn.take()) await until(signal, there.promise);
      signal.throwIfAborted();
      turn.take();
      return await work();
    } finally {
      signal.removeEventListener("abort", end);
      turn.end();
    }
  }

  #turnOf(of: Taker, there: () => void): LoadTurn {
    const place: Place = { of, there, state: "away", hereMs: -Infinity };
    of.places.push(place);
    return {
      get isThere() {
        return place.state === "here" || place.state === "works";
      },
      take: () => this.#take(place),
      end: () => {
        this.#end(place);
        this.#serve();
      },
    };
  }

  #take(place: Place): boolean {
    if (place.of.isOver) return false;
    if (place.state === "away") {
      place.state = "waits";
      this.#queue.add(place);
    }
    if (place.state === "waits") this.#serve();
    if (place.state === "here") {
      place.state = "works";
      this.#here.delete(place);
      this.#works.add(place);
      this.#beganMs = this.#clock.monotonic();
    }
    return place.state === "works";
  }

  #end(place: Place): void {
    place.state = "away";
    this.#queue.delete(place);
    this.#here.delete(place);
    if (!this.#works.delete(place)) return;
    const nowMs = this.#clock.monotonic();
    this.#endedMs = nowMs;
    // Of those of a run that is over there are no others that it should leave time to.
    if (place.of.isOver) return;
    this.#restsUntilMs = Math.max(this.#restsUntilMs, nowMs + this.#restMs(nowMs));
  }

  /** One that goes on behind the end of its run ends nobody else's turn. */
  #endAll(taker: Taker): void {
    taker.isOver = true;
    this.#most -= taker.lanes;
    for (const place of taker.places) this.#end(place);
    this.#serve();
  }

  /** Whoever came first has the next turn; it is there for who does something else yet. */
  #serve(): void {
    if (this.#queue.size === 0) return this.#endTimer();
    const nowMs = this.#clock.monotonic();
    // Who is held up by something else asks again when it is not.
    for (const place of this.#here) if (nowMs - place.hereMs >= LONGEST_MS) this.#end(place);
    for (const place of this.#queue) {
      if (this.#waitMs(nowMs) > 0) break;
      this.#queue.delete(place);
      this.#here.add(place);
      place.state = "here";
      place.hereMs = nowMs;
      this.#beganMs = nowMs;
      place.there();
    }
    this.#setTimer(nowMs);
  }

  /** One timer for all that wait. */
  #setTimer(nowMs: number): void {
    if (this.#queue.size === 0) return this.#endTimer();
    const atMs = nowMs + this.#waitMs(nowMs);
    if (this.#wakesAtMs !== null && this.#wakesAtMs <= atMs) return;
    this.#endTimer();
    this.#wakesAtMs = atMs;
    const { signal } = this.#timer;
    this.#clock.sleep(Math.ceil(atMs - nowMs), signal).then(
      () => {
        if (signal.aborted) return;
        this.#endTimer();
        this.#serve();
      },
      () => undefined,
    );
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
    if (this.#works.size === 0 && this.#endedMs <= cameMs) this.#wereAlone(lateMs, nowMs);
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
    this.#serve();
  }

  #step(nowMs: number): void {
    const meanMs = this.#lateMs / this.#transactions;
    const isLoading = this.#works.size > 0 || this.#endedMs >= this.#stepMs;
    this.#stepMs = nowMs;
    this.#lateMs = 0;
    this.#transactions = 0;
    // What the last load came to says little of the next one.
    if (nowMs - this.#endedMs > BESIDE_MS && this.#works.size === 0) this.#lanes = FIRST_LANES;
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
    const isFree = this.#here.size + this.#works.size < Math.max(1, Math.floor(this.#lanes));
    return isFree ? restMs : Math.max(restMs, this.#beganMs + LONGEST_MS - nowMs);
  }
}
