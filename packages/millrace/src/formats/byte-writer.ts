/*
 * Hot: every byte of every message goes through this file. One growing buffer that is used again for the next message;
 * texts go straight into it, so that a message is never a string.
 */

import { isUtf8 } from "node:buffer";

/** Node's buffers have these since ever; the published types leave them out. */
declare global {
  interface Buffer {
    latin1Write(text: string, offset: number): number;
    utf8Write(text: string, offset: number): number;
  }
}

const FIRST_BYTES = 4_096;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;

/** 0: as it is; 1: `\u00XX`; else the letter behind a backslash. As JSON.stringify does. */
const ESCAPES = new Uint8Array(128);
ESCAPES.fill(1, 0, 0x20);
ESCAPES[0x08] = 0x62;
ESCAPES[0x09] = 0x74;
ESCAPES[0x0a] = 0x6e;
ESCAPES[0x0c] = 0x66;
ESCAPES[0x0d] = 0x72;
ESCAPES[QUOTE] = QUOTE;
ESCAPES[BACKSLASH] = BACKSLASH;

/** The same by byte: those of other characters stay as they are. */
const BYTE_ESCAPES = new Uint8Array(256);
BYTE_ESCAPES.set(ESCAPES);

const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const STANDARD = Uint8Array.from(`${BASE64}+/`, (letter) => letter.charCodeAt(0));
const URL_SAFE = Uint8Array.from(`${BASE64}-_`, (letter) => letter.charCodeAt(0));
const PADDING = 0x3d;

/** Texts up to this length are copied by a loop; a call into the engine costs more than they do. */
const SHORT_CHARS = 40;
/** Bytes that a character may become: six of `\u0000`, and three of UTF-8. */
const MAX_CHAR_BYTES = 6;

/** From here on the engine's own JSON is faster than a loop over characters, though it makes a text; up to there it is small. */
const LONG_CHARS = 40;
const MANY_CHARS = 65_536;
const WORD_BYTES = 4;

/** More than so many bytes are copied by the engine. */
const MANY_BYTES = 160;

/**
 * Bytes that are written again and again. Few of them are kept as words, too, and copied by a loop of a quarter of the steps,
 * where a call into the engine would cost more than the bytes do.
 */
export class Constant {
  readonly bytes: Uint8Array;
  /** With zeros behind; empty where the engine copies. */
  readonly words: Int32Array;

  constructor(text: string) {
    const bytes = Buffer.from(text);
    const count = bytes.length > MANY_BYTES ? 0 : Math.ceil(bytes.length / WORD_BYTES);
    const padded = Buffer.alloc(count * WORD_BYTES);
    bytes.copy(padded);
    this.bytes = bytes;
    this.words = Int32Array.from({ length: count }, (_, i) => padded.readInt32LE(i * WORD_BYTES));
  }
}

/** Bytes of one message after another. What it gives out is good until the next write. */
export class ByteWriter {
  buffer: Buffer;
  /** Of the same bytes. */
  #view: DataView;
  /** How many bytes of `buffer` are written. */
  length = 0;

  constructor(bytes = FIRST_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#view = viewOf(this.buffer);
  }

  /** Begins the next message in the same buffer. */
  clear(): void {
    this.length = 0;
  }

  /** What is written; a view, not a copy. */
  written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const next = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(next, 0, 0, this.length);
    this.buffer = next;
    this.#view = viewOf(next);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  bytes(value: Uint8Array): void {
    const count = value.length;
    this.reserve(count);
    const { buffer } = this;
    let at = this.length;
    if (count > SHORT_CHARS) buffer.set(value, at);
    else for (let i = 0; i < count; i++) buffer[at++] = value[i] ?? 0;
    this.length += count;
  }

  constant({ words, bytes }: Constant): void {
    const count = bytes.length;
    // The last word may reach beyond what is written.
    this.reserve(count + WORD_BYTES);
    const start = this.length;
    if (count > MANY_BYTES) this.buffer.set(bytes, start);
    else {
      const view = this.#view;
      for (let i = 0, at = start; i < words.length; i++, at += WORD_BYTES)
        view.setInt32(at, words[i] ?? 0, true);
    }
    this.length = start + count;
  }

  /** The bytes of `source[start..end)`. */
  part(source: Buffer, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { buffer } = this;
    let at = this.length;
    if (count > MANY_BYTES) source.copy(buffer, at, start, end);
    else for (let i = start; i < end; i++) buffer[at++] = source[i] ?? 0;
    this.length += count;
  }

  /** The same by words, which reads up to three bytes more than there are to write: where the source has no more they are copied singly. */
  words(source: DataView, start: number, end: number): void {
    const count = end - start;
    this.reserve(count + WORD_BYTES);
    const view = this.#view;
    const stop = Math.min(end, source.byteLength - WORD_BYTES + 1);
    let at = this.length;
    let i = start;
    for (; i < stop; i += WORD_BYTES, at += WORD_BYTES)
      view.setInt32(at, source.getInt32(i, true), true);
    for (; i < end; i++) view.setUint8(at++, source.getUint8(i));
    this.length += count;
  }

  /** ASCII as it stands between the quotes of {@link jsonString}. */
  jsonBytes(source: Uint8Array, start: number, end: number): void {
    this.reserve((end - start) * MAX_CHAR_BYTES);
    const { buffer } = this;
    let at = this.length;
    for (let i = start; i < end; i++) {
      const code = source[i] ?? 0;
      const escape = ESCAPES[code] ?? 0;
      if (escape === 0) buffer[at++] = code;
      else at = writeEscape(buffer, at, code, escape);
    }
    this.length = at;
  }

  /**
   * Bytes as {@link jsonString} has their text, quotes and all; false, and nothing is written, where they are not UTF-8, or not
   * ASCII if only that is wanted. `from` is of the same bytes as `source`.
   */
  jsonUtf8(
    source: Uint8Array,
    from: DataView,
    start: number,
    end: number,
    isAsciiWanted = false,
  ): boolean {
    this.reserve((end - start) * MAX_CHAR_BYTES + 2);
    const { buffer } = this;
    const view = this.#view;
    let at = this.length;
    let seen = 0;
    buffer[at++] = QUOTE;
    for (let i = start; i < end;) {
      // Four at once, up to those with one that is escaped, or is not ASCII.
      for (; i + WORD_BYTES <= end; i += WORD_BYTES, at += WORD_BYTES) {
        const word = from.getInt32(i, true);
        if (!isPlainWord(word)) break;
        view.setInt32(at, word, true);
      }
      for (const stop = Math.min(end, i + WORD_BYTES); i < stop; i++) {
        const code = source[i] ?? 0;
        seen |= code;
        const escape = BYTE_ESCAPES[code] ?? 0;
        if (escape === 0) buffer[at++] = code;
        else at = writeEscape(buffer, at, code, escape);
      }
    }
    // What is no character becomes another one where a text is made of it.
    if (seen >= 0x80 && (isAsciiWanted || !isUtf8(source.subarray(start, end)))) return false;
    buffer[at++] = QUOTE;
    this.length = at;
    return true;
  }

  /** Text of which every character is ASCII. */
  ascii(text: string): void {
    const count = text.length;
    this.reserve(count);
    const { buffer } = this;
    if (count > SHORT_CHARS) {
      this.length += buffer.latin1Write(text, this.length);
      return;
    }
    let at = this.length;
    for (let i = 0; i < count; i++) buffer[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Any text, as UTF-8. */
  utf8(text: string): void {
    const count = text.length;
    this.reserve(count * 3);
    const { buffer } = this;
    let at = this.length;
    if (count <= SHORT_CHARS) {
      let i = 0;
      for (; i < count; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        buffer[at++] = code;
      }
      if (i === count) {
        this.length = at;
        return;
      }
    }
    this.length += buffer.utf8Write(text, this.length);
  }

  /** A number without a fraction, as decimal text. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value)) return this.ascii(String(value));
    this.reserve(17);
    const { buffer } = this;
    let rest = value;
    if (rest < 0) {
      buffer[this.length++] = MINUS;
      rest = -rest;
    }
    let digits = 1;
    for (let limit = 10; rest >= limit && digits < 16; limit *= 10) digits++;
    let at = this.length + digits;
    this.length = at;
    while (rest > 0x7fff_ffff) {
      const next = Math.floor(rest / 10);
      buffer[--at] = ZERO + (rest - next * 10);
      rest = next;
    }
    let low = rest | 0;
    do {
      const next = (low / 10) | 0;
      buffer[--at] = ZERO + (low - next * 10);
      low = next;
    } while (low > 0);
  }

  /** A text in quotes, escaped as `JSON.stringify` does. A lone surrogate becomes its escape, too. */
  jsonString(text: string): void {
    const count = text.length;
    this.reserve(count * MAX_CHAR_BYTES + 2);
    const { buffer } = this;
    let at = this.length;
    if (count >= LONG_CHARS && count < MANY_CHARS) {
      this.length += buffer.utf8Write(JSON.stringify(text), at);
      return;
    }
    buffer[at++] = QUOTE;
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.length = at;
        return this.#jsonRest(text, i);
      }
      const escape = ESCAPES[code] ?? 0;
      if (escape === 0) buffer[at++] = code;
      else at = writeEscape(buffer, at, code, escape);
    }
    buffer[at++] = QUOTE;
    this.length = at;
  }

  /** A piece of a text as it stands between the quotes of {@link jsonString}; it must not begin or end within a pair. */
  jsonPart(text: string, from: number, to: number): void {
    this.reserve((to - from) * MAX_CHAR_BYTES);
    const { buffer } = this;
    let at = this.length;
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        this.length = at;
        return this.#jsonOther(text, i, to);
      }
      const escape = ESCAPES[code] ?? 0;
      if (escape === 0) buffer[at++] = code;
      else at = writeEscape(buffer, at, code, escape);
    }
    this.length = at;
  }

  #jsonRest(text: string, from: number): void {
    this.#jsonOther(text, from, text.length);
    this.buffer[this.length++] = QUOTE;
  }

  /** From the first character on that is not ASCII. There is room for everything. */
  #jsonOther(text: string, from: number, to: number): void {
    const { buffer } = this;
    let at = this.length;
    for (let i = from; i < to; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x80) {
        const escape = ESCAPES[code] ?? 0;
        if (escape === 0) buffer[at++] = code;
        else at = writeEscape(buffer, at, code, escape);
      } else if (code < 0x800) {
        buffer[at++] = 0xc0 | (code >> 6);
        buffer[at++] = 0x80 | (code & 0x3f);
      } else if (code < 0xd800 || code > 0xdfff) {
        buffer[at++] = 0xe0 | (code >> 12);
        buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
        buffer[at++] = 0x80 | (code & 0x3f);
      } else {
        const next = text.charCodeAt(i + 1);
        if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) {
          at = writeHexEscape(buffer, at, code);
          continue;
        }
        const point = 0x1_0000 + ((code - 0xd800) << 10) + (next - 0xdc00);
        buffer[at++] = 0xf0 | (point >> 18);
        buffer[at++] = 0x80 | ((point >> 12) & 0x3f);
        buffer[at++] = 0x80 | ((point >> 6) & 0x3f);
        buffer[at++] = 0x80 | (point & 0x3f);
        i++;
      }
    }
    this.length = at;
  }

  /** Two digits a byte, in lower case. */
  hex(value: Uint8Array): void {
    this.reserve(value.length * 2);
    const { buffer } = this;
    let at = this.length;
    for (let i = 0; i < value.length; i++) {
      const byte = value[i] ?? 0;
      buffer[at++] = HEX[byte >> 4] ?? 0;
      buffer[at++] = HEX[byte & 15] ?? 0;
    }
    this.length = at;
  }

  /** With padding, in either alphabet; of the bytes from `start` on. */
  base64(value: Uint8Array, urlSafe = false, start = 0): void {
    const count = value.length;
    this.reserve(Math.ceil((count - start) / 3) * 4);
    const { buffer } = this;
    const letters = urlSafe ? URL_SAFE : STANDARD;
    let at = this.length;
    for (let i = start; i < count; i += 3) {
      const left = count - i;
      const bits =
        ((value[i] ?? 0) << 16) |
        ((left > 1 ? (value[i + 1] ?? 0) : 0) << 8) |
        (left > 2 ? (value[i + 2] ?? 0) : 0);
      buffer[at++] = letters[bits >> 18] ?? 0;
      buffer[at++] = letters[(bits >> 12) & 63] ?? 0;
      buffer[at++] = left > 1 ? (letters[(bits >> 6) & 63] ?? 0) : PADDING;
      buffer[at++] = left > 2 ? (letters[bits & 63] ?? 0) : PADDING;
    }
    this.length = at;
  }
}

const HIGH_BITS = 0x8080_8080 | 0;
const QUOTES = QUOTE * 0x0101_0101;
const BACKSLASHES = BACKSLASH * 0x0101_0101;

/**
 * Each of the four bytes is ASCII, and none has to be escaped: no control character, quote or backslash, of which each leaves the
 * highest bit of its own byte set when it is taken off. Who says no may be wrong about a byte behind such a one.
 */
function isPlainWord(word: number): boolean {
  const controls = (word - 0x2020_2020) | 0;
  const quotes = ((word ^ QUOTES) - 0x0101_0101) | 0;
  const backslashes = ((word ^ BACKSLASHES) - 0x0101_0101) | 0;
  return ((word | controls | quotes | backslashes) & HIGH_BITS) === 0;
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

function writeEscape(buffer: Buffer, start: number, code: number, escape: number): number {
  if (escape === 1) return writeHexEscape(buffer, start, code);
  buffer[start] = BACKSLASH;
  buffer[start + 1] = escape;
  return start + 2;
}

function writeHexEscape(buffer: Buffer, start: number, code: number): number {
  buffer[start] = BACKSLASH;
  buffer[start + 1] = 0x75;
  for (let digit = 0; digit < 4; digit++)
    buffer[start + 2 + digit] = HEX[(code >> (12 - digit * 4)) & 15] ?? 0;
  return start + 6;
}
