import { type Clock, systemClock } from "../../model/ports.ts";

/** Time passes also where it is said to. */
export class PassingClock implements Clock {
  #passedMs = 0;

  pass(ms: number): void {
    this.#passedMs += ms;
  }

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#passedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}
