/** Signals within this time of the first are the same wish, milliseconds: a process group is signalled at once. */
const SAME_WISH_MS = 300;

/** What a signal asks for: to stop, nothing new, or to end at once. */
export type StopWish = "stop" | "same" | "exit";

/** Tells a second signal from the echo of the first. */
export class StopSignals {
  #firstMs: number | null = null;

  /** `nowMs` is any clock that does not go back. */
  heard(nowMs: number): StopWish {
    if (this.#firstMs === null) {
      this.#firstMs = nowMs;
      return "stop";
    }
    return nowMs - this.#firstMs < SAME_WISH_MS ? "same" : "exit";
  }
}
