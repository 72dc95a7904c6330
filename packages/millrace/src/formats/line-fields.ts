/*
 * Hot: every byte of a row of a load goes through this file once, before its message is written from the same bytes.
 */
import { MillraceError } from "../errors/millrace-error.ts";
import type { RowLine } from "../model/row-line.ts";
import type { Value } from "../model/value.ts";

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const CAPITAL_N = 0x4e;

/** Its bytes are those of a JSON text, less the quotes around it. */
const PLAIN = 0;
/** They are those of the value; a JSON text has some of them escaped. */
const ESCAPED = 1;
/** The value has to be made: there is a backslash in it, or a character that is not ASCII, which may be none at all. */
const READ = 2;
const NULL = 3;
const END = 4;

/** What a byte makes of its field. Tabs and newlines within a value are escaped. */
const KINDS = new Uint8Array(256);
KINDS.fill(ESCAPED, 0, 0x20);
KINDS.fill(READ, 0x80);
KINDS[QUOTE] = ESCAPED;
KINDS[BACKSLASH] = READ;
KINDS[TAB] = END;
KINDS[NEWLINE] = END;

const NO_BYTES = Buffer.alloc(0);

/** Where the fields of a line are, and what may be done with them. One object, used for line after line of a table. */
export class LineFields {
  /** Where the bytes are. */
  buffer: Buffer = NO_BYTES;
  /** Of the first byte of each field. */
  readonly starts: Int32Array;
  /** Of the first byte behind it. */
  readonly ends: Int32Array;
  readonly #kinds: Uint8Array;
  #line: RowLine | null = null;

  constructor(columns: number) {
    this.starts = new Int32Array(columns);
    this.ends = new Int32Array(columns);
    this.#kinds = new Uint8Array(columns);
  }

  /** Goes to a line. @throws MillraceError where it has not one field for each column. */
  find(line: RowLine): void {
    const { buffer } = line.text;
    const { starts, ends } = this;
    const kinds = this.#kinds;
    const { end } = line;
    let count = 0;
    let kind = PLAIN;
    let { start } = line;
    for (let at = start; at < end; at++) {
      const found = KINDS[buffer[at] ?? 0] ?? 0;
      if (found === PLAIN) continue;
      if (found !== END) {
        if (found > kind) kind = found;
        continue;
      }
      starts[count] = start;
      ends[count] = at;
      kinds[count] = kind === READ && isNull(buffer, start, at) ? NULL : kind;
      count++;
      kind = PLAIN;
      start = at + 1;
    }
    this.buffer = buffer;
    this.#line = line;
    if (count === starts.length) return;
    // Who makes values of it says what is wrong with it.
    line.read();
    throw new MillraceError("MR_BUG", `a line of ${count} fields, not ${starts.length}`);
  }

  /** Lets go of the line: its bytes count no more behind its message (I10). */
  drop(): void {
    this.buffer = NO_BYTES;
    this.#line = null;
  }

  isNull(column: number): boolean {
    return this.#kinds[column] === NULL;
  }

  /** The field's bytes are the value's, all of them ASCII, and none of them has to be escaped in JSON. */
  isPlain(column: number): boolean {
    return this.#kinds[column] === PLAIN;
  }

  /** The field's bytes are the value's, all of them ASCII. */
  isAscii(column: number): boolean {
    return (this.#kinds[column] ?? READ) <= ESCAPED;
  }

  /** The value itself, whatever it is. */
  value(column: number): Value {
    const [start = 0, end = 0] = [this.starts[column], this.ends[column]];
    return this.#line?.text.value(start, end, column) ?? null;
  }
}

function isNull(buffer: Buffer, start: number, end: number): boolean {
  return end === start + 2 && buffer[start] === BACKSLASH && buffer[start + 1] === CAPITAL_N;
}
