import type { Clock } from "../model/ports.ts";
import type { SourceSnapshot } from "../model/source.ts";

/**
 * The time that a snapshot may live. Whoever waits for room or for a rate waits under {@link SnapshotLife.signal}: a
 * server keeps the snapshot, and with it every row version that came after, for as long as its reader rests, whatever
 * timeouts it has (PostgreSQL heeds them only when it can write on).
 */
export class SnapshotLife {
  /** Aborts when the time is over, and with the signal of the work itself. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #ended = new AbortController();

  constructor(clock: Clock, { mayLiveMs }: Pick<SourceSnapshot, "mayLiveMs">, signal: AbortSignal) {
    this.signal = AbortSignal.any([this.#over.signal, signal]);
    if (mayLiveMs === undefined || !Number.isFinite(mayLiveMs)) return;
    clock.sleep(mayLiveMs, this.#ended.signal).then(
      () => this.#over.abort(new Error("the snapshot has lived for long enough")),
      () => undefined,
    );
  }

  /** The work goes on in another snapshot. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** False where the time was over first. Rejects where `waiting` fails, or the work is to end. */
  async outlasts(waiting: Promise<unknown>): Promise<boolean> {
    try {
      await waiting;
      return true;
    } catch (thrown) {
      if (this.isOver) return false;
      throw thrown;
    }
  }

  /** Nobody waits any more. */
  end(): void {
    this.#ended.abort();
  }
}
