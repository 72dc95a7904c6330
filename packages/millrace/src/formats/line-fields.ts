/*
 * Hot: every byte of a row of a load goes through this file once, before its message is written from the same bytes.
 */
import { MillraceError } from "../errors/millrace-error.ts";
import { FieldKind, type PacketFields, type RowLine } from "../model/row-line.ts";
import { ImageKind, type RowImages, type WrittenText } from "../model/row-image.ts";
import type { Value } from "../model/value.ts";
import { lengthAt, lengthBytes, NULL_VALUE } from "./packet-fields.ts";

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
/** A text that nobody has looked at. */
const UNSEEN = 5;
/** A time in UTC, without its zone. */
const UTC = 6;
/** Of an image: a text that nobody has looked at, good for what it is where all of it is ASCII. */
const UNSEEN_ASCII = 7;
/** Of an image: what {@link ImageKind} says of it. */
const IMAGE = 8;

/** What a byte makes of its field. Tabs and newlines within a value are escaped. */
const KINDS = new Uint8Array(256);
KINDS.fill(ESCAPED, 0, 0x20);
KINDS.fill(READ, 0x80);
KINDS[QUOTE] = ESCAPED;
KINDS[BACKSLASH] = READ;
KINDS[TAB] = END;
KINDS[NEWLINE] = END;

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Of a month and of a day. */
const DATE_PARTS = [5, 8];

const NO_BYTES = Buffer.alloc(0);

/** Where the fields of a line are, and what may be done with them. One object, used for line after line of a table. */
export class LineFields {
  /** Where the bytes are. */
  buffer: Buffer = NO_BYTES;
  /** Of the same bytes, where lines bring one. */
  view: DataView | null = null;
  /** Of the first byte of each field. */
  readonly starts: Int32Array;
  /** Of the first byte behind it. */
  readonly ends: Int32Array;
  readonly #kinds: Uint8Array;
  #line: RowLine | null = null;
  /** Of the row, where it is an image and no line. */
  #images: RowImages | null = null;

  constructor(columns: number) {
    this.starts = new Int32Array(columns);
    this.ends = new Int32Array(columns);
    this.#kinds = new Uint8Array(columns);
  }

  /** Goes to the image of a row that begins there. */
  findImage(images: RowImages, start: number): void {
    const { starts } = this;
    const { layout } = images;
    const { kinds } = layout;
    layout.find(images, start, starts, this.ends);
    for (let column = 0; column < kinds.length; column++)
      this.#kinds[column] =
        (starts[column] ?? -1) < 0 ? NULL : (OF_IMAGES[kinds[column] ?? 0] ?? READ);
    this.buffer = images.buffer;
    this.view = images.view;
    this.#images = images;
    this.#line = null;
  }

  /** Goes to a line. @throws MillraceError where it has not one field for each column. */
  find(line: RowLine): void {
    const { buffer, packet } = line.text;
    if (packet !== undefined) return this.#findPacket(line, packet);
    const { starts, ends } = this;
    const kinds = this.#kinds;
    const { end } = line;
    let count = 0;
    let { start } = line;
    let at = start;
    // A line ends with what ends its last field.
    while (at < end) {
      let seen = PLAIN;
      let found = PLAIN;
      do {
        seen |= found;
        found = KINDS[buffer[at++] ?? NEWLINE] ?? END;
      } while (found !== END);
      starts[count] = start;
      ends[count] = at - 1;
      kinds[count] = seen < READ ? seen : isNull(buffer, start, at - 1) ? NULL : READ;
      count++;
      start = at;
    }
    this.#goTo(line);
    if (count === starts.length && at === end) return;
    // Who makes values of it says what is wrong with it.
    line.read();
    throw new MillraceError("MR_BUG", `a line of ${count} fields, not ${starts.length}`);
  }

  #findPacket(line: RowLine, packet: PacketFields): void {
    const { buffer } = line.text;
    const { columns, kinds, zeroIsNull } = packet;
    const { starts, ends } = this;
    const own = this.#kinds;
    const { end } = line;
    let at = line.start;
    for (let field = 0; field < columns.length; field++) {
      const column = columns[field] ?? -1;
      const first = at < end ? (buffer[at] ?? NULL_VALUE) : NULL_VALUE;
      const head = lengthBytes(first);
      const start = at + head;
      at = first === NULL_VALUE ? at + 1 : start + lengthAt(buffer, at, head);
      if (at > end) throw otherLength();
      if (column < 0) continue;
      const isNone =
        first === NULL_VALUE || (zeroIsNull[column] === 1 && isZeroDate(buffer, start));
      starts[column] = start;
      ends[column] = at;
      own[column] = isNone ? NULL : kindOf(kinds[column] ?? 0, buffer, start, at);
    }
    if (at !== end) throw otherLength();
    this.#goTo(line);
  }

  #goTo(line: RowLine): void {
    const { buffer, view = null } = line.text;
    this.buffer = buffer;
    this.view = view;
    this.#line = line;
    this.#images = null;
  }

  /** Lets go of the line: its bytes count no more behind its message (I10). */
  drop(): void {
    this.buffer = NO_BYTES;
    this.view = null;
    this.#line = null;
    this.#images = null;
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

  /** The field's bytes are those of a text, whatever they are: nobody has looked at them. */
  isUnseen(column: number): boolean {
    return this.#kinds[column] === UNSEEN;
  }

  /** The field is a time in UTC as far as its fraction goes, and says nothing of its zone. */
  isUtc(column: number): boolean {
    return this.#kinds[column] === UTC;
  }

  /** The same, as long as they are ASCII. */
  isUnseenAscii(column: number): boolean {
    return this.#kinds[column] === UNSEEN_ASCII;
  }

  /** The row is an image: its fields are no texts. */
  get isImage(): boolean {
    return this.#images !== null;
  }

  /** What the field's bytes are, of an image whose values have a shorter way; else VALUE. */
  imageKind(column: number): number {
    return this.#kinds[column] === IMAGE ? (this.#images?.layout.kinds[column] ?? 0) : 0;
  }

  /** The whole number that the field of an image is; NaN where it is another one, or a number does not hold it. */
  integer(column: number): number {
    const { view } = this;
    if (view === null) return Number.NaN;
    const at = this.starts[column] ?? 0;
    switch (this.imageKind(column)) {
      case ImageKind.INT8:
        return view.getInt8(at);
      case ImageKind.UINT8:
        return view.getUint8(at);
      case ImageKind.INT16:
        return view.getInt16(at, true);
      case ImageKind.UINT16:
        return view.getUint16(at, true);
      case ImageKind.INT24:
        return view.getInt8(at + 2) * 65_536 + view.getUint16(at, true);
      case ImageKind.UINT24:
        return view.getUint8(at + 2) * 65_536 + view.getUint16(at, true);
      case ImageKind.INT32:
        return view.getInt32(at, true);
      case ImageKind.UINT32:
        return view.getUint32(at, true);
      case ImageKind.INT64:
        return exact(view.getInt32(at + 4, true), view.getUint32(at, true));
      case ImageKind.UINT64:
        return exact(view.getUint32(at + 4, true), view.getUint32(at, true));
      default:
        return Number.NaN;
    }
  }

  /** The digits of a decimal of an image, with so many behind its point; NaN where it has others, or is none. */
  unscaled(column: number, scale: number): number {
    const images = this.#images;
    if (images === null || this.imageKind(column) !== ImageKind.DECIMAL) return Number.NaN;
    const { layout } = images;
    if (layout.scales[column] !== scale) return Number.NaN;
    return layout.unscaled(images, column, this.starts[column] ?? 0);
  }

  /** The text of a field of an image that is written first; null of all others. */
  written(column: number): WrittenText | null {
    const images = this.#images;
    if (images === null || this.imageKind(column) !== ImageKind.WRITTEN) return null;
    return images.layout.write(images, this.starts[column] ?? 0, this.ends[column] ?? 0);
  }

  /** The value itself, whatever it is. */
  value(column: number): Value {
    const [start = 0, end = 0] = [this.starts[column], this.ends[column]];
    const images = this.#images;
    if (images !== null) return images.layout.value(images, column, start, end);
    return this.#line?.text.value(start, end, column) ?? null;
  }
}

/** What may be done with fields of images that are there, by {@link ImageKind}. */
const OF_IMAGES = new Uint8Array(32).fill(IMAGE);
OF_IMAGES[ImageKind.VALUE] = READ;
OF_IMAGES[ImageKind.UTF8] = UNSEEN;
OF_IMAGES[ImageKind.ASCII] = UNSEEN_ASCII;

/** Of 64 bits; NaN where they are more than a number holds exactly. */
function exact(high: number, low: number): number {
  const value = high * 0x1_0000_0000 + low;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

function otherLength(): MillraceError {
  return new MillraceError("MR_BUG", "a row of another length than its fields");
}

/** Of a field of a packet that is there, and no zero that stands for none. */
function kindOf(kind: number, buffer: Buffer, start: number, end: number): number {
  switch (kind) {
    case FieldKind.DIGITS:
      return (buffer[start] ?? 0) <= ZERO && hasZerosBefore(buffer, start, end) ? READ : PLAIN;
    case FieldKind.TEXT:
      return UNSEEN;
    case FieldKind.UTC:
      return UTC;
    default:
      return READ;
  }
}

/** Zeros before a number are not its value's. */
function hasZerosBefore(buffer: Buffer, start: number, end: number): boolean {
  const first = buffer[start] === MINUS ? start + 1 : start;
  const second = first + 1 < end ? (buffer[first + 1] ?? 0) : 0;
  return buffer[first] === ZERO && second >= ZERO && second <= NINE;
}

/** Its year, its month or its day is none. */
function isZeroDate(buffer: Buffer, start: number): boolean {
  const isNone = (at: number): boolean =>
    buffer[start + at] === ZERO && buffer[start + at + 1] === ZERO;
  return (isNone(0) && isNone(2)) || DATE_PARTS.some(isNone);
}

function isNull(buffer: Buffer, start: number, end: number): boolean {
  return end === start + 2 && buffer[start] === BACKSLASH && buffer[start + 1] === CAPITAL_N;
}
