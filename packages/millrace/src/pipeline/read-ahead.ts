/** What a reader looks at before it reads on. */
interface Eater {
  /** Less than one transaction waits in the lane. */
  readonly hungry: boolean;
}

/**
 * Holds readers back while every lane has a whole transaction waiting behind the one in flight. More would make no lane
 * faster, and rows that wait for long survive collections: that was half of the engine's CPU. A lane that has less keeps
 * the readers going, so that a slow one does not starve the others; then the byte budget is the bound (I10).
 */
export class ReadAhead {
  readonly #lanes: readonly Eater[];
  #waiting: PromiseWithResolvers<void> | null = null;

  constructor(lanes: readonly Eater[], signal: AbortSignal) {
    this.#lanes = lanes;
    signal.addEventListener("abort", () => this.#waiting?.reject(signal.reason), { once: true });
  }

  /** Some lane could do with more. The hot path's way without a promise. */
  get wanted(): boolean {
    for (const lane of this.#lanes) if (lane.hungry) return true;
    return false;
  }

  /** Resolves as soon as some lane could do with more; rejects where the run ends meanwhile. */
  async wait(): Promise<void> {
    while (!this.wanted) {
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
  }

  /** A lane may have less than before. */
  look(): void {
    if (this.#waiting === null || !this.wanted) return;
    const { resolve } = this.#waiting;
    this.#waiting = null;
    resolve();
  }
}

/** The same for readers of chunks, whose rows wait beside the changes (design/005). */
export function readAheadOfLoads(
  lanes: readonly { readonly hungryForLoads: boolean }[],
  signal: AbortSignal,
): ReadAhead {
  const eaters = lanes.map((lane) => ({
    get hungry() {
      return lane.hungryForLoads;
    },
  }));
  return new ReadAhead(eaters, signal);
}
