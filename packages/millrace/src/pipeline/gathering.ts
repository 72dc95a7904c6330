import type { Clock } from "../model/ports.ts";

/** What waits at the head of a lane's queue, for more to be sent together with it: where the file asks for that, or more is known to come. */
export class Gathering {
  readonly #clock: Clock;
  readonly #intervalMs: () => number;
  readonly #over: () => void;
  #timer: AbortController | null = null;
  #isOver = false;

  /** `over` is called when it has waited for as long as it should: `intervalMs` from when it began to, where that is not 0 by then. */
  constructor(clock: Clock, intervalMs: () => number, over: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#over = over;
  }

  /** Whether it has waited for so long; it begins to where it did not. */
  get isOver(): boolean {
    const intervalMs = this.#intervalMs();
    if (intervalMs === 0 || this.#isOver) return true;
    if (this.#timer === null) this.#begin(intervalMs);
    return false;
  }

  /** What waited has gone, or nobody is left to send it. */
  end(): void {
    this.#timer?.abort();
    this.#timer = null;
    this.#isOver = false;
  }

  #begin(intervalMs: number): void {
    const timer = new AbortController();
    this.#timer = timer;
    this.#clock.sleep(intervalMs, timer.signal).then(
      () => {
        if (this.#timer !== timer) return;
        this.#isOver = true;
        this.#over();
      },
      () => undefined,
    );
  }
}
