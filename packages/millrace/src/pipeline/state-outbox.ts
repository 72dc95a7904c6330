import type { StateEntry } from "../model/sink.ts";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Entries on their way to the sink: taken together, once. */
export interface TakenEntries {
  readonly entries: readonly StateEntry[];
  /** They are durable: those who wait for them go on. */
  durable(): void;
}

/** Entries of one transaction at most, so that they always fit beside a batch (I10). */
export const MAX_STATE_ENTRIES = 400;

/**
 * State documents that travel with a lane's next transaction. Newer entries of a key replace older ones that have not
 * left yet; order of keys is kept.
 */
export class StateOutbox {
  #entries = new Map<string, StateEntry>();
  #waiting: Waiting[] = [];
  readonly #wake: () => void;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** Resolves when the entries are durable; rejects when the run ends before. */
  write(entries: readonly StateEntry[]): Promise<void> {
    for (const item of entries) {
      this.#entries.delete(item.key);
      this.#entries.set(item.key, item);
    }
    const done = new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#wake();
    return done;
  }

  /** What is to be written now. Those who wait are told once nothing is left behind. */
  take(): TakenEntries {
    const entries = [...this.#entries.values()].slice(0, MAX_STATE_ENTRIES);
    for (const item of entries) this.#entries.delete(item.key);
    if (!this.empty) return { entries, durable: () => undefined };
    const waiting = this.#waiting;
    this.#waiting = [];
    return { entries, durable: () => waiting.forEach((w) => w.resolve()) };
  }

  /** The run ends: nobody waits for ever. */
  fail(error: unknown): void {
    for (const waiting of this.#waiting) waiting.reject(error);
    this.#waiting = [];
  }
}
