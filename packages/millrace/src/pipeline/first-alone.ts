import { until } from "./until.ts";

/**
 * Tasks of one process that begin at once and would all do the same thing first, of which all but one would be refused as in
 * conflict, and rest before they try again: the first one does it alone, and the others behind it, all at once.
 */
export class FirstAlone {
  readonly #underWay = new Map<string, Promise<void>>();

  /**
   * Does `work`, behind whoever is at the same thing (`what`) as the first one now, however that ends. Who is told to stop waits for
   * nobody: a share that the group moves away holds up no other.
   */
  async run<T>(what: string, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const first = this.#underWay.get(what);
    if (first !== undefined) {
      await until(signal, first);
      return work();
    }
    const own = work();
    const settled = own.then(
      () => undefined,
      () => undefined, // who asked hears of it
    );
    this.#underWay.set(what, settled);
    try {
      return await own;
    } finally {
      this.#underWay.delete(what);
    }
  }
}
