import type { Clock } from "../model/ports.ts";
import { LoadRate, type LoadRateSettings } from "./load-rate.ts";
import type { LoadStatus } from "./status.ts";

/** The load of a pipeline that does not run. */
export function idleLoad({ maxRowsPerSecond, maxBytesPerSecond }: LoadRateSettings): LoadStatus {
  return { maxRowsPerSecond, maxBytesPerSecond, limited: false, waitedMs: 0, paused: null };
}

/**
 * What holds INIT_SYNC back for the source's sake. It outlives the runs of its task, so that what a run took is paid for
 * by the next one.
 */
export class LoadControl {
  readonly rate: LoadRate;
  #paused: { readonly why: string; readonly gate: PromiseWithResolvers<void> } | null = null;

  constructor(settings: LoadRateSettings, clock: Clock) {
    this.rate = new LoadRate(settings, clock);
  }

  /** Why no chunk is begun; null where chunks are. */
  get pausedBecause(): string | null {
    return this.#paused?.why ?? null;
  }

  /** No chunk is begun from now on; those under way are read to their end. */
  pause(why: string): void {
    this.#paused = { why, gate: this.#paused?.gate ?? Promise.withResolvers<void>() };
  }

  goOn(): void {
    this.#paused?.gate.resolve();
    this.#paused = null;
  }

  /** Resolves when a chunk may be begun. */
  readonly passed = (): Promise<void> => this.#paused?.gate.promise ?? Promise.resolve();

  /** For `status`. */
  status(): LoadStatus {
    return {
      ...this.rate.settings,
      limited: this.rate.isWaitedFor,
      waitedMs: this.rate.waitedMs,
      paused: this.pausedBecause,
    };
  }
}
