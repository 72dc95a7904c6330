/** One transaction in flight per lane, of whatever kind. Locks are taken in lane order, so that nobody waits in a ring. */
export class LaneLocks {
  readonly #tails: Promise<void>[];

  constructor(lanes: number) {
    this.#tails = Array.from({ length: lanes }, () => Promise.resolve());
  }

  async hold<T>(lanes: readonly number[], work: () => Promise<T>): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      for (const lane of [...lanes].sort((a, b) => a - b)) {
        const before = this.#tails[lane] ?? Promise.resolve();
        const mine = Promise.withResolvers<void>();
        this.#tails[lane] = mine.promise;
        await before;
        releases.push(mine.resolve);
      }
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }
}
