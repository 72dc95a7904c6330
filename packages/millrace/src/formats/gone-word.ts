import { isUnavailable } from "./connect-reading.ts";
import type { JsonRead } from "./json-reader.ts";

/** Debezium's word for a value that nobody has, as it stands in messages. */
export class GoneWord {
  readonly #word: string;
  /** The same as bytes are written. */
  readonly #base64: string;

  constructor(word: string) {
    this.#word = word;
    this.#base64 = Buffer.from(word).toString("base64");
  }

  /** Whether a string of so many characters may be it. */
  mayBe(length: number): boolean {
    return length === this.#word.length || length === this.#base64.length;
  }

  /** Whether a value is it. */
  is(value: JsonRead): boolean {
    return isUnavailable(value, this.#word, this.#base64);
  }
}
