import { Skimmed, UNCHANGED, type Row, type Value } from "../../model/value.ts";
import "../../bytes/buffer-slices.ts";
import { byteaBytes, decodeBytea } from "./bytea.ts";
import { protocolError, Tag } from "./pgoutput-messages.ts";
import { Form, type RowPlan } from "./row-plan.ts";

/*
 * Hot: everything in this file runs per row and column. No allocation but the row and its values, no typed array per
 * row, one string per row of which columns are substrings. `pgoutput-decoder.bench.ts` measures it.
 */

const NEW = 0x4e; // N
const OLD_KEY = 0x4b; // K
const OLD_ROW = 0x4f; // O
const NULL = 0x6e; // n
const TOASTED = 0x75; // u
const TEXT = 0x74; // t
const TRUE = 0x74;
const FALSE = 0x66;

/** Rows larger than this get a string per column: a short column must not hold on to a long row. */
const ONE_SLICE_BYTES = 4_096;

/** What an insert, update or delete says of rows. */
export interface RowEvent {
  /** `O` all of the old row, `K` its key, null where the log has neither. */
  readonly old: Row | null;
  readonly new: Row | null;
}

/**
 * Decodes row messages of one buffer. Nothing is read outside of the message; what the protocol does not allow is a
 * MillraceError MR_SOURCE_PROTOCOL without any bytes of rows in it.
 */
export class RowDecoder {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  readonly #maxValueBytes: number;
  #at = 0;
  #text = "";
  /** Offset of `#text` in the buffer; -1 where rows are cut by column. */
  #textAt = -1;

  constructor(buffer: Buffer, maxValueBytes: number) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#maxValueBytes = maxValueBytes;
  }

  /** The oid of the table that a row message is about; `start` is after the tag. */
  relationOid(start: number, end: number): number {
    if (start + 4 > end) throw protocolError("a row message that ends too early");
    return this.#view.getUint32(start);
  }

  /** Decodes the message with this tag; `start` is after the tag. */
  decode(tag: number, plan: RowPlan, start: number, end: number): RowEvent {
    this.#begin(start + 4, end);
    const event = this.#event(tag, plan, end);
    if (this.#at !== end) throw protocolError("a row message that is too long");
    return event;
  }

  #begin(start: number, end: number): void {
    this.#at = start;
    const whole = end - start <= ONE_SLICE_BYTES && end > start;
    this.#textAt = whole ? start : -1;
    this.#text = whole ? this.#buffer.latin1Slice(start, end) : "";
  }

  #event(tag: number, plan: RowPlan, end: number): RowEvent {
    let kind = this.#kind(end);
    if (tag === Tag.INSERT) {
      if (kind !== NEW) throw protocolError("an insert without a new row");
      return { old: null, new: this.#tuple(plan, end, false) };
    }
    let old: Value[] | null = null;
    if (kind === OLD_KEY || kind === OLD_ROW) {
      old = this.#tuple(plan, end, kind === OLD_KEY);
      if (tag === Tag.DELETE) return { old, new: null };
      kind = this.#kind(end);
    }
    if (tag !== Tag.UPDATE || kind !== NEW) throw protocolError("a row message without its row");
    const row = this.#tuple(plan, end, false);
    if (old !== null) fillFrom(row, old);
    return { old, new: row };
  }

  #kind(end: number): number {
    if (this.#at >= end) throw protocolError("a row message that ends too early");
    return this.#view.getUint8(this.#at++);
  }

  /**
   * With `keyOnly` (an old key) `n` is not null but "not part of the key": the columns of a replica identity are
   * never null, and the rest of the old row is unknown (I9).
   */
  #tuple(plan: RowPlan, end: number, keyOnly: boolean): Value[] {
    const view = this.#view;
    let at = this.#at;
    if (at + 2 > end) throw protocolError("a row that ends too early");
    const count = view.getUint16(at);
    if (count !== plan.forms.length) throw protocolError("a row of another width than its table");
    at += 2;
    const row = new Array<Value>(count);
    for (let index = 0; index < count; index += 1) {
      if (at >= end) throw protocolError("a row that ends too early");
      const kind = view.getUint8(at);
      if (kind === TEXT) {
        if (at + 5 > end) throw protocolError("a value that ends too early");
        const stop = at + 5 + view.getUint32(at + 1);
        if (stop > end) throw protocolError("a value that is longer than its message");
        row[index] = this.#value(plan, index, at + 5, stop);
        at = stop;
      } else {
        row[index] = absent(kind, keyOnly);
        at += 1;
      }
    }
    this.#at = at;
    return row;
  }

  #value(plan: RowPlan, index: number, start: number, stop: number): Value {
    const form = plan.forms[index];
    if (stop - start > this.#maxValueBytes && plan.isKey[index] === 0) {
      const size = form === Form.BYTES ? byteaBytes(stop - start) : stop - start;
      if (size > this.#maxValueBytes) return new Skimmed(size);
    }
    if (form === Form.ASCII) return this.#latin1(start, stop);
    if (form === Form.TEXT) {
      return this.#isAscii(start, stop)
        ? this.#latin1(start, stop)
        : this.#buffer.utf8Slice(start, stop);
    }
    return form === Form.BOOLEAN ? this.#boolean(start, stop) : this.#bytes(start, stop);
  }

  #latin1(start: number, stop: number): string {
    const base = this.#textAt;
    return base === -1
      ? this.#buffer.latin1Slice(start, stop)
      : this.#text.substring(start - base, stop - base);
  }

  /** Four bytes at a time; a row is mostly short ASCII columns, and this is what tells. */
  #isAscii(start: number, stop: number): boolean {
    const view = this.#view;
    let at = start;
    let seen = 0;
    for (; at + 4 <= stop; at += 4) seen |= view.getInt32(at);
    for (; at < stop; at += 1) seen |= view.getInt8(at) & 0x80;
    return (seen & 0x8080_8080) === 0;
  }

  #boolean(start: number, stop: number): boolean {
    const byte = stop === start + 1 ? this.#view.getUint8(start) : 0;
    if (byte !== TRUE && byte !== FALSE) throw protocolError("a boolean that is neither t nor f");
    return byte === TRUE;
  }

  #bytes(start: number, stop: number): Uint8Array {
    const bytes = decodeBytea(this.#buffer, start, stop);
    if (bytes === null) throw protocolError("a bytea that is not hexadecimal");
    return bytes;
  }
}

/** What stands for a column without a value. */
export function absent(kind: number, keyOnly: boolean): null | typeof UNCHANGED {
  if (kind === NULL) return keyOnly ? UNCHANGED : null;
  if (kind === TOASTED) return UNCHANGED;
  throw protocolError("a value of an unknown kind");
}

/** What the new row leaves out because it did not change is in the old row, where the log has that. */
export function fillFrom(row: Value[], old: readonly Value[]): void {
  for (let index = 0; index < row.length; index += 1) {
    if (row[index] === UNCHANGED) row[index] = old[index] ?? null;
  }
}
