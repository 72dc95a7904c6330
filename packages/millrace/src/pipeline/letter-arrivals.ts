import type { DeadLetter } from "../model/dead-letter.ts";

/**
 * In which order letters of rows that are put off came. To remember which of them stood at some time takes one number then,
 * however many they are (I10).
 */
export class LetterArrivals {
  readonly #numbers = new WeakMap<DeadLetter, number>();
  #newest = 0;

  /** Those that have come until now have no higher one. */
  get newest(): number {
    return this.#newest;
  }

  /** A row is put off; `before` is the letter of its key until now. One that was put off already has come before. */
  came(letter: DeadLetter, before: DeadLetter | undefined): void {
    const known = before?.parkedAtMs === letter.parkedAtMs ? this.#numbers.get(before) : undefined;
    this.#numbers.set(letter, known ?? ++this.#newest);
  }

  /** Of a letter that stands, or stood, as the book has it; null where it was never one of a row that is put off. */
  numberOf(letter: DeadLetter): number | null {
    return this.#numbers.get(letter) ?? null;
  }
}
