/**
 * What a row weighs that several items of lanes hold: its values stand in memory until the last of them lets go (I10), of
 * whichever lane and target that is.
 */
export class SharedBytes {
  readonly #bytes: number;
  #holders: number;

  constructor(bytes: number, holders: number) {
    this.#bytes = bytes;
    this.#holders = holders;
  }

  /** One of them lets go: what is given back to the budget now. */
  letGo(): number {
    this.#holders--;
    return this.#holders === 0 ? this.#bytes : 0;
  }
}

/** A row's bytes, as each of so many items has them. Hot: one item has the number itself. */
export function heldBy(holders: number, bytes: number): number | SharedBytes {
  return holders === 1 ? bytes : new SharedBytes(bytes, holders);
}
