import type { Clock } from "../model/ports.ts";
import { LoadRate, type LoadRateSettings } from "./load-rate.ts";
import { LoadTurns } from "./load-turns.ts";
import type { LoadStatus, Wait } from "./status.ts";

interface Pause {
  readonly why: string;
  readonly gate: PromiseWithResolvers<void>;
  readonly sinceMs: number;
}

const RATE_IS_MET =
  "it reads as fast as scan.snapshot.max-rows-per-second or scan.snapshot.max-bytes-per-second allow";

/** The load of a pipeline that does not run. */
export function idleLoad({ maxRowsPerSecond, maxBytesPerSecond }: LoadRateSettings): LoadStatus {
  const bounds = { maxRowsPerSecond, maxBytesPerSecond };
  return { ...bounds, limited: false, waitedMs: 0, paused: null, givesWay: false };
}

/** What may be another load's too. */
interface Shared {
  /** That of the pipeline, where this is one task of several. */
  readonly rate?: LoadRate | undefined;
  readonly turns?: LoadTurns;
}

/**
 * What holds INIT_SYNC back for the source's sake, and for that of changes beside it. It outlives the runs of its task, so that what a run took is paid for
 * by the next one.
 */
export class LoadControl {
  readonly rate: LoadRate;
  readonly turns: LoadTurns;
  readonly #clock: Clock;
  #paused: Pause | null = null;

  /** Without `turns` it gives way to nothing. */
  constructor(settings: LoadRateSettings, clock: Clock, { rate, turns }: Shared = {}) {
    this.#clock = clock;
    this.rate = rate ?? new LoadRate(settings, clock);
    this.turns = turns ?? new LoadTurns(clock, false);
  }

  /** Why no chunk is begun; null where chunks are. */
  get pausedBecause(): string | null {
    return this.#paused?.why ?? null;
  }

  /** No chunk is begun from now on; those under way are read to their end. */
  pause(why: string): void {
    const { gate = Promise.withResolvers<void>(), sinceMs = this.#clock.now() } =
      this.#paused ?? {};
    this.#paused = { why, gate, sinceMs };
  }

  goOn(): void {
    this.#paused?.gate.resolve();
    this.#paused = null;
  }

  /** Resolves when a chunk may be begun. */
  readonly passed = (): Promise<void> => this.#paused?.gate.promise ?? Promise.resolve();

  /** What it waits for, in the words of the log. */
  waits(): Wait[] {
    const load = { what: "load", table: null } as const;
    const { waitedForSinceMs: sinceMs } = this.rate;
    return [
      ...(this.#paused === null
        ? []
        : [{ ...load, reason: "retention", why: this.#paused.why, sinceMs: this.#paused.sinceMs }]),
      ...(sinceMs === null ? [] : [{ ...load, reason: "rate", why: RATE_IS_MET, sinceMs }]),
    ];
  }

  /** For `status`. */
  status(): LoadStatus {
    return {
      ...this.rate.settings,
      limited: this.rate.isWaitedFor,
      waitedMs: this.rate.waitedMs,
      paused: this.pausedBecause,
      givesWay: this.turns.givesWay,
    };
  }
}
