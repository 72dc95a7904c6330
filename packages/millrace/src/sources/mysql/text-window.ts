import "../../bytes/buffer-slices.ts";

/**
 * Texts are substrings of one string of so many bytes at most, which lives as long as any of them. Rows of one string go to
 * several lanes, and the last of them holds on to all of it: no more than a row weighs beside its bytes (I10).
 */
const WINDOW_BYTES = 512;
/** A string of its own costs such a text no more than a window does. */
const LONG_BYTES = 128;

/** Cuts texts that lie near one another from one string: a string of its own for each costs several times as much. Hot. */
export class TextWindow {
  #buffer: Buffer = Buffer.alloc(0);
  #bufferEnd = 0;
  #text = "";
  #start = 0;
  #end = 0;

  /** Begins with other bytes. */
  begin(buffer: Buffer, end: number): void {
    this.#buffer = buffer;
    this.#bufferEnd = end;
    this.#start = 0;
    this.#end = 0;
  }

  /** Bytes that are ASCII, as text. */
  latin1(start: number, stop: number): string {
    if (start < this.#start || stop > this.#end) {
      if (stop - start >= LONG_BYTES) return this.#buffer.latin1Slice(start, stop);
      this.#start = start;
      this.#end = Math.min(this.#bufferEnd, start + WINDOW_BYTES);
      this.#text = this.#buffer.latin1Slice(start, this.#end);
    }
    return this.#text.substring(start - this.#start, stop - this.#start);
  }
}

/** Four bytes at a time: most text is ASCII, and this is what tells. Hot. */
export function isAscii(view: DataView, start: number, stop: number): boolean {
  let at = start;
  let seen = 0;
  for (; at + 4 <= stop; at += 4) seen |= view.getInt32(at);
  for (; at < stop; at += 1) seen |= view.getInt8(at) & 0x80;
  return (seen & 0x8080_8080) === 0;
}
