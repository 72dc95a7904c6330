/**
 * Up to which time somebody waits for a stream to be read: the end of a load, of a catching up. Until then it is looked at
 * more often, and its standing told as soon as it is there.
 */
export class TimeGoal {
  #timeMs = Number.NEGATIVE_INFINITY;
  #onRaised: () => void = () => undefined;

  raise(timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#onRaised();
  }

  /** Who is to be told of a later goal. */
  set onRaised(listener: () => void) {
    this.#onRaised = listener;
  }

  /** It is not reached by what was read up to `timeMs`. */
  isAhead(timeMs: number): boolean {
    return timeMs < this.#timeMs;
  }

  /** It was ahead of the one, and is not of the other. */
  isReached(beforeMs: number, nowMs: number): boolean {
    return this.isAhead(beforeMs) && !this.isAhead(nowMs);
  }
}
