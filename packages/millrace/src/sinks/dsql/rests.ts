import type { TargetTable } from "../../model/table.ts";

/** Commits of a table that go the ordinary way after its first refusal; twice as many after each later one. */
const FIRST_REST = 64;
const LONGEST_REST = 65_536;

interface Rest {
  /** Commits that are still to go the ordinary way. */
  left: number;
  /** How many they were after the last refusal. */
  length: number;
}

/** For which tables a cheaper way turned out to be none, and for how long it is left alone. */
export class Rests {
  readonly #resting = new WeakMap<TargetTable, Rest>();

  /** The cheaper way was refused: the table rests from it, twice as long as the last time. */
  begin(table: TargetTable): void {
    const last = this.#resting.get(table)?.length ?? FIRST_REST / 2;
    const length = Math.min(last * 2, LONGEST_REST);
    this.#resting.set(table, { left: length, length });
  }

  /** True while the table rests; counts one commit. */
  passes(table: TargetTable): boolean {
    const rest = this.#resting.get(table);
    if (rest === undefined || rest.left === 0) return false;
    rest.left -= 1;
    return true;
  }
}
