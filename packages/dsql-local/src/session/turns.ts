/** Lets one piece of work at a time onto a connection, first come first served. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Runs `work` when those before it are done. */
  run<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const turn = this.#waiting === 1 ? work() : this.#tail.then(work);
    const done = turn.finally(() => this.#waiting--);
    this.#tail = done.catch(() => {});
    return done;
  }
}
