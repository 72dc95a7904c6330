import "../../bytes/buffer-slices.ts";

/** A longer text gets a buffer of its own, which goes with it. */
const KEPT_BYTES = 65_536;

const HEX = "0123456789abcdef";
/** Of a number of 32 bits, with its sign. */
const MOST_DIGITS = 11;
const MINUS = 0x2d;
const ZERO = 0x30;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** What stands behind the backslash for a control character. */
const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
};

/**
 * Gathers a text as bytes: parts of a document are copied from buffer to buffer and become one string at the end. Hot.
 */
export class JsonWriter {
  #kept = Buffer.allocUnsafeSlow(4_096);
  #bytes = this.#kept;
  #view: DataView | null = null;
  #at = 0;
  #seen = 0;

  /** Bytes so far, as UTF-8. */
  get length(): number {
    return this.#at;
  }

  /** What they are, as they came in; good until more is written. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Of the same bytes. */
  get view(): DataView {
    const { buffer, byteOffset, length } = this.#bytes;
    if (this.#view?.buffer !== buffer) this.#view = new DataView(buffer, byteOffset, length);
    return this.#view;
  }

  /** The text, UTF-8 whatever came in; the writer is empty again. */
  take(): string {
    const text =
      this.#seen < 0x80 ? this.#bytes.latin1Slice(0, this.#at) : this.#bytes.utf8Slice(0, this.#at);
    this.clear();
    return text;
  }

  clear(): void {
    this.#at = 0;
    this.#seen = 0;
    this.#bytes = this.#kept;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  two(first: number, second: number): void {
    this.byte(first);
    this.byte(second);
  }

  /** ASCII alone. */
  ascii(text: string): void {
    const { length } = text;
    if (this.#at + length > this.#bytes.length) this.#grow(length);
    const bytes = this.#bytes;
    let at = this.#at;
    for (let index = 0; index < length; index += 1) bytes[at++] = text.charCodeAt(index);
    this.#at = at;
  }

  /** A whole number of 32 bits, digit by digit: making its text first takes longer. */
  integer(value: number): void {
    if (this.#at + MOST_DIGITS > this.#bytes.length) this.#grow(MOST_DIGITS);
    const bytes = this.#bytes;
    if (value < 0) bytes[this.#at++] = MINUS;
    let rest = Math.abs(value);
    let end = this.#at + 1;
    for (let power = 10; rest >= power; power *= 10) end += 1;
    for (let at = end - 1; at >= this.#at; at -= 1) {
      const tenth = Math.floor(rest / 10);
      bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.#at = end;
  }

  /** Any text. */
  text(text: string): void {
    const length = Buffer.byteLength(text);
    if (this.#at + length > this.#bytes.length) this.#grow(length);
    this.#bytes.write(text, this.#at, "utf8");
    this.#at += length;
    if (length !== text.length) this.#seen = 0xff;
  }

  /** UTF-8 in quotes, escaped as the servers do. */
  quoted(source: Uint8Array, start: number, end: number): void {
    // Six bytes are the most that one becomes.
    const most = (end - start) * 6 + 2;
    if (this.#at + most > this.#bytes.length) this.#grow(most);
    const bytes = this.#bytes;
    let at = this.#at;
    let seen = 0;
    bytes[at++] = QUOTE;
    for (let from = start; from < end; from += 1) {
      const value = source[from] ?? 0;
      seen |= value;
      if (value >= 0x20 && value !== QUOTE && value !== BACKSLASH) bytes[at++] = value;
      else at = escape(bytes, at, value);
    }
    bytes[at++] = QUOTE;
    this.#at = at;
    this.#seen |= seen;
  }

  #grow(more: number): void {
    const bytes = Buffer.allocUnsafeSlow(2 * this.#bytes.length + more);
    this.#bytes.copy(bytes, 0, 0, this.#at);
    this.#bytes = bytes;
    if (bytes.length <= KEPT_BYTES) this.#kept = bytes;
  }
}

function escape(bytes: Buffer, start: number, value: number): number {
  let at = start;
  bytes[at++] = BACKSLASH;
  const short = value < 0x20 ? SHORT_ESCAPES[value] : value;
  if (short !== undefined) {
    bytes[at++] = short;
    return at;
  }
  at += bytes.write("u00", at, "latin1");
  bytes[at++] = HEX.charCodeAt(value >> 4);
  bytes[at++] = HEX.charCodeAt(value & 15);
  return at;
}
