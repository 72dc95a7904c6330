import type { DeadLetter } from "../model/dead-letter.ts";
import type { TableId } from "../model/table.ts";
import type { LetterArrivals } from "./letter-arrivals.ts";

type Arrivals = Pick<LetterArrivals, "newest" | "numberOf">;

/**
 * `last`: a round was in vain, so the next one is the last. `done`: what even the last round could not try, because its key
 * or its route is gone, stays a letter.
 */
export type Stage = "again" | "last" | "done";

/**
 * How often rows that are put off have their rounds begun anew, for rows that were refused since or for those of linked
 * tables. There may be such rows in every round, for ever.
 */
const PATIENCE_ROUNDS = 4;

/**
 * Rows of a table that were put off and are given up together, and those of linked tables that they wait for. It has their
 * number and no names: each of many linked tables has one, and each of these may have ten thousand letters.
 */
export class PutOffCohort {
  stage: Stage = "again";
  /** Whether the source was looked at since, for rows that have left with a part. */
  look: "none" | "asked" | "done" = "none";
  #patience: number;
  readonly #table: TableId;
  readonly #tables: ReadonlySet<TableId>;
  readonly #arrivals: Arrivals;
  /** The newest letter that stood when it was formed. */
  readonly #newest: number;

  private constructor(
    table: TableId,
    linked: readonly TableId[],
    arrivals: Arrivals,
    patience: number,
  ) {
    this.#table = table;
    this.#tables = new Set([table, ...linked]);
    this.#arrivals = arrivals;
    this.#newest = arrivals.newest;
    this.#patience = patience;
  }

  static of(table: TableId, linked: readonly TableId[], arrivals: Arrivals): PutOffCohort {
    return new PutOffCohort(table, linked, arrivals, PATIENCE_ROUNDS);
  }

  /** With all that stand now; null where it has had its patience: they are for the next one. */
  grown(linked: readonly TableId[]): PutOffCohort | null {
    if (!this.isPatient) return null;
    return new PutOffCohort(this.#table, linked, this.#arrivals, this.#patience - 1);
  }

  get isPatient(): boolean {
    return this.#patience > 0;
  }

  /** A round of a linked table is over: the letters that it has tried, and those of them that are settled. */
  hears(tried: readonly DeadLetter[], settled: readonly DeadLetter[]): void {
    if (this.stage !== "last") return;
    const isOurs = settled.some((letter) => this.has(letter));
    if (isOurs || (settled.length > 0 && this.isPatient)) this.stage = "again";
    if (!isOurs && (settled.length > 0 || !tried.some((letter) => this.has(letter))))
      this.#patience--;
  }

  has(letter: DeadLetter): boolean {
    const number = this.#arrivals.numberOf(letter);
    return number !== null && number <= this.#newest && this.#tables.has(letter.table);
  }
}
