/** The COMMITs of writes in a cluster, by number, and up to which of them a snapshot sees all. */

/** One per cluster. */
export class Commits {
  /** How many were asked for with their statements, and are not answered. */
  withStatements = 0;
  #last = 0;
  /** Asked for and not answered, in the order of their numbers. */
  readonly #open = new Set<number>();

  /** PostgreSQL is about to be asked for a COMMIT; gives its number. */
  ask(): number {
    this.#last++;
    this.#open.add(this.#last);
    return this.#last;
  }

  /** It is there, or never will be. */
  answered(commit: number): void {
    this.#open.delete(commit);
  }

  /** A COMMIT that went with its statement was answered; gives its number. */
  whole(): number {
    const commit = this.ask();
    this.answered(commit);
    return commit;
  }

  /** The number of the last one that was asked for. */
  get last(): number {
    return this.#last;
  }

  /** All of them up to this number are answered: a snapshot from now on sees them. */
  get seen(): number {
    for (const first of this.#open) return first - 1;
    return this.#last;
  }
}
