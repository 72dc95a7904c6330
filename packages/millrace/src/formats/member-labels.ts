/*
 * Hot: what stands before each value of an object whose names are known, where it is written without blanks: `{"id":`, then
 * `,"name":`.
 */
import type { MemberNames } from "./json-object.ts";
import { type ScannedBytes, WORD_BYTES } from "./scanned-bytes.ts";

/** More or longer names than these are no row of a table, and what is made of them is not kept (I10). */
const MAX_NAMES = 256;
const MAX_BYTES = 16_384;
const OBJECT_END = 0x7d;

/** See above. */
export class MemberLabels {
  readonly count: number;
  /** How many bytes each has. */
  readonly #lengths: Int32Array;
  /** All of them, one behind the other, as words; what its last word has too much is nothing. */
  readonly #words: Int32Array;
  /** Where the words of each begin. */
  readonly #starts: Int32Array;
  /** Which bits of the last word of each count. */
  readonly #lastBits: Int32Array;

  private constructor(labels: readonly Buffer[]) {
    this.count = labels.length;
    this.#lengths = Int32Array.from(labels, ({ length }) => length);
    const counts = labels.map(({ length }) => Math.ceil(length / WORD_BYTES));
    let at = 0;
    this.#starts = Int32Array.of(0, ...counts.map((count) => (at += count)));
    this.#words = new Int32Array(at);
    this.#lastBits = Int32Array.from(labels, ({ length }) => -1 >>> (8 * (-length & 3)));
    for (const [index, label] of labels.entries()) {
      const padded = Buffer.alloc((counts[index] ?? 0) * WORD_BYTES);
      label.copy(padded);
      for (let i = 0; i * WORD_BYTES < padded.length; i++)
        this.#words[(this.#starts[index] ?? 0) + i] = padded.readInt32LE(i * WORD_BYTES);
    }
  }

  /** Null where there are no names, or too many. */
  static of(names: MemberNames): MemberLabels | null {
    return MemberLabels.around(names, () => null)?.labels ?? null;
  }

  /**
   * The same where some members always have the same value: its text is a part of the label of the next one that has not. The
   * last member has a label in any case. `places` is whose labels they are.
   */
  static around(
    names: MemberNames,
    valueOf: (place: number) => string | null,
  ): { readonly labels: MemberLabels; readonly places: readonly number[] } | null {
    const count = names.all.length;
    if (count === 0 || count > MAX_NAMES) return null;
    const labels: Buffer[] = [];
    const places: number[] = [];
    let parts: Uint8Array[] = [];
    for (const [place, name] of names.written(count).entries()) {
      parts.push(Buffer.from(place === 0 ? '{"' : ',"'), name, Buffer.from('":'));
      const value = place === count - 1 ? null : valueOf(place);
      if (value !== null) parts.push(Buffer.from(value));
      else {
        labels.push(Buffer.concat(parts));
        places.push(place);
        parts = [];
      }
    }
    const bytes = labels.reduce((sum, { length }) => sum + length, 0);
    return bytes > MAX_BYTES ? null : { labels: new MemberLabels(labels), places };
  }

  /** Past the label of that member, where it stands at `at`; −1 where it does not. Not held to the end of a message: values are. */
  past(index: number, scanned: ScannedBytes, at: number): number {
    const { view, lastWord } = scanned;
    const words = this.#words;
    const start = this.#starts[index] ?? 0;
    const last = (this.#starts[index + 1] ?? 0) - 1;
    if (at + (last - start) * WORD_BYTES > lastWord) return this.#pastLast(index, scanned, at);
    let place = at;
    for (let i = start; i < last; i++, place += WORD_BYTES)
      if (view.getInt32(place, true) !== words[i]) return -1;
    const differs =
      (view.getInt32(place, true) ^ (words[last] ?? 0)) & (this.#lastBits[index] ?? 0);
    return differs === 0 ? at + (this.#lengths[index] ?? 0) : -1;
  }

  /** The same where the bytes end close behind it. */
  #pastLast(index: number, { bytes }: ScannedBytes, at: number): number {
    const length = this.#lengths[index] ?? 0;
    for (let i = 0; i < length; i++) {
      const word = this.#words[(this.#starts[index] ?? 0) + Math.floor(i / WORD_BYTES)] ?? 0;
      if (bytes[at + i] !== ((word >>> (8 * (i % WORD_BYTES))) & 0xff)) return -1;
    }
    return at + length;
  }

  /** Past the end of the object; −1 where it goes on. */
  pastEnd(bytes: Uint8Array, at: number, end: number): number {
    return at < end && bytes[at] === OBJECT_END ? at + 1 : -1;
  }
}
