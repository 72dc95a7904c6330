/** What did not fit one column, since this process began. */
export interface ColumnMisfits {
  readonly column: string;
  /** Type of the last one, as DynamoDB calls it. */
  readonly tag: string;
  readonly count: number;
}

/** Counts values that do not fit their columns; what `status` and metrics tell of them. */
export class MisfitCounts {
  readonly #columns = new Map<string, { tag: string; count: number }>();
  #total = 0;

  /** How many there were, of all columns. */
  get total(): number {
    return this.#total;
  }

  add(column: string, tag: string): void {
    this.#total += 1;
    const known = this.#columns.get(column);
    if (known === undefined) this.#columns.set(column, { tag, count: 1 });
    else {
      known.tag = tag;
      known.count += 1;
    }
  }

  /** By column. */
  all(): readonly ColumnMisfits[] {
    return [...this.#columns].map(([column, counted]) => ({ column, ...counted }));
  }
}
