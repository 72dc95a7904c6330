/*
 * Hot for a source: answers put together as they come, each in its own bytes from the first one on. A socket reads into these
 * by itself, so that nothing is copied but what comes along with a length.
 */
import type { ByteLender } from "./lent-bytes.ts";

const LENGTH_BYTES = 4;
/** What is read where nobody knows yet how long the answer is. */
const FRONT_BYTES = 4_096;
/** Who says that an answer is longer is no broker (I10): one partition's limit is half of it at most. */
const MAX_ANSWER_BYTES = 2 ** 30;

/** Somebody has sent what is no answer. */
export class NoAnswer extends Error {}

/** See above. */
export class ReceivedAnswers {
  readonly #lender: ByteLender;
  readonly #each: (answer: Buffer) => void;
  readonly #front = Buffer.allocUnsafeSlow(FRONT_BYTES);
  /** So much of {@link #front} is there: less than a length. */
  #has = 0;
  /** The answer that is being read; null between two. */
  #answer: Buffer | null = null;
  #answerHas = 0;

  /** @param each takes each answer, without its length; from then on its bytes are its own */
  constructor(lender: ByteLender, each: (answer: Buffer) => void) {
    this.#lender = lender;
    this.#each = each;
  }

  /** Where what comes next belongs. */
  get room(): Buffer {
    return this.#answer === null
      ? this.#front.subarray(this.#has)
      : this.#answer.subarray(this.#answerHas);
  }

  /** So many bytes have come, and stand where {@link room} was. @throws NoAnswer */
  take(count: number): void {
    if (this.#answer === null) this.#takeFront(this.#has + count);
    else this.#took(this.#answer, count);
  }

  #takeFront(end: number): void {
    const front = this.#front;
    let at = 0;
    while (end - at >= LENGTH_BYTES) {
      const answer = this.#begin(front.readInt32BE(at));
      at += LENGTH_BYTES;
      const count = Math.min(end - at, answer.length);
      front.copy(answer, 0, at, at + count);
      at += count;
      this.#took(answer, count);
    }
    front.copyWithin(0, at, end);
    this.#has = end - at;
  }

  #begin(length: number): Buffer {
    if (length < LENGTH_BYTES || length > MAX_ANSWER_BYTES)
      throw new NoAnswer(`an answer of ${length} bytes`);
    this.#answerHas = 0;
    return (this.#answer = this.#lender.lend(length));
  }

  #took(answer: Buffer, count: number): void {
    this.#answerHas += count;
    if (this.#answerHas < answer.length) return;
    this.#answer = null;
    this.#each(answer);
  }
}
