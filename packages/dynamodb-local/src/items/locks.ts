/** One writer per item at a time; a transaction holds all of its items. */

/** Locks by name, in the order of asking. */
export class Locks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` while it holds all of `names`. They are taken in one order by everybody, so nobody waits in a circle. */
  async hold<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      for (const name of [...new Set(names)].toSorted()) releases.push(await this.#take(name));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  async #take(name: string): Promise<() => void> {
    const before = this.#tails.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(name, promise);
    await before;
    return () => {
      if (this.#tails.get(name) === promise) this.#tails.delete(name);
      resolve();
    };
  }
}
