/** Events that one slow listener may leave lying (I10); older ones are dropped, the listener is told how many. */
const MAX_WAITING = 4096;

/** Hands events to any number of listeners, each at its own pace. */
export class EventStream<T> {
  readonly #listeners = new Set<Listener<T>>();
  readonly #dropped: (count: number) => T;
  #ended = false;

  /** `dropped` makes the event that tells a slow listener what it missed. */
  constructor(dropped: (count: number) => T) {
    this.#dropped = dropped;
  }

  push(event: T): void {
    for (const listener of this.#listeners) listener.push(event);
  }

  /** Ends listeners once they have read what waits for them, but those that listen over ends. */
  end(): void {
    this.#ended = true;
    for (const listener of this.#listeners) {
      if (listener.outlives) continue;
      listener.end();
      this.#listeners.delete(listener);
    }
  }

  /** Listeners after an end hear what comes from now on. */
  reopen(): void {
    this.#ended = false;
  }

  /** Everything from now on, until the end; with `outlives` also what comes after it, until the listener leaves. */
  listen(outlives = false): AsyncIterableIterator<T> {
    const leave = () => this.#listeners.delete(listener);
    const listener: Listener<T> = new Listener(this.#dropped, leave, outlives);
    if (this.#ended && !outlives) listener.end();
    else this.#listeners.add(listener);
    return listener;
  }
}

class Listener<T> implements AsyncIterableIterator<T> {
  readonly outlives: boolean;
  readonly #droppedEvent: (count: number) => T;
  readonly #leave: () => void;
  #waiting: T[] = [];
  #missed = 0;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(droppedEvent: (count: number) => T, leave: () => void, outlives: boolean) {
    this.#droppedEvent = droppedEvent;
    this.#leave = leave;
    this.outlives = outlives;
  }

  push(event: T): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting.shift();
      this.#missed++;
    }
    this.#waiting.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#missed > 0) {
      const missed = this.#missed;
      this.#missed = 0;
      return { done: false, value: this.#droppedEvent(missed) };
    }
    const event = this.#waiting.shift();
    return event === undefined ? { done: true, value: undefined } : { done: false, value: event };
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#leave();
    this.end();
    this.#waiting = [];
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this;
  }
}
