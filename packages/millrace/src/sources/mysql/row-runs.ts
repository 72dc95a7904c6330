/** A point of the numbering, to go back to. */
export interface RunsMark {
  readonly run: number;
  readonly rows: number;
  readonly of: string;
}

const BEGIN: RunsMark = { run: 0, rows: 0, of: "" };

/**
 * Numbers what a group does to tables so that every server that has the group has the same numbers: a run is all rows that
 * come one after the other by the same operation on the same table, and each row has its place in it. How many rows are in
 * an event is no part of it: a replica packs them in another way (docs/design/006, "Failover"). Rows of tables that are not
 * captured are a run too, and are not counted.
 *
 * Hot: `next` runs per event, `row` per row.
 */
export class RowRuns {
  #run = 0;
  #rows = 0;
  #of = "";

  /** Rows of the run so far. */
  get rows(): number {
    return this.#rows;
  }

  /** A group begins. */
  begin(): void {
    this.back(BEGIN);
  }

  /** Rows come of what is called so. Gives the number of their run, from 1. */
  next(of: string): number {
    if (of !== this.#of) {
      this.#run += 1;
      this.#rows = 0;
      this.#of = of;
    }
    return this.#run;
  }

  /** A statement comes, which is a run of its own. */
  statement(): number {
    this.#of = "";
    this.#run += 1;
    this.#rows = 0;
    return this.#run;
  }

  /** The next row's place in its run, from 0. */
  row(): number {
    this.#rows += 1;
    return this.#rows - 1;
  }

  mark(): RunsMark {
    return { run: this.#run, rows: this.#rows, of: this.#of };
  }

  /** What came since then never happened. */
  back({ run, rows, of }: RunsMark): void {
    this.#run = run;
    this.#rows = rows;
    this.#of = of;
  }
}
