import { UNCHANGED, type Value } from "../../model/value.ts";
import { protocolError } from "./byte-cursor.ts";
import type { RowEventKind, RowOp } from "./event-types.ts";
import { applyJsonDiffs } from "./json-diff.ts";
import { inflateMariaDb } from "./mariadb-zlib.ts";
import { Form, type RowPlan } from "./row-plan.ts";
import { ValueReader } from "./value-reader.ts";
import { versionedOp } from "./versioned-row.ts";

/*
 * Hot: everything in this file runs per row or column. No allocation but the rows and their values.
 */

/** Tables of both servers have at most 4096 columns. */
const MAX_COLUMNS = 4_096;
/** Bit of a partial update's options: documents may be written as differences. */
const PARTIAL_JSON = 1;
const TABLE_ID_AND_FLAGS_BYTES = 8;

/**
 * Gives the rows of one row event after the other. Nothing is read outside of the event; what the format does not allow is
 * a MillraceError MR_SOURCE_PROTOCOL without any bytes of rows in it.
 *
 * A column that the log left out is UNCHANGED (I9), in `before` too; what `after` leaves out is taken from `before` where
 * that has it.
 */
export class RowDecoder {
  /** What the row's change is: the event's kind, but for tables with versions. */
  op: RowOp = "c";
  /** The row's place in the event, from 0; rows that are no change are counted. */
  index = -1;
  /** The old row of an update or delete. */
  before: Value[] | null = null;
  /** The new row of an insert or update. */
  after: Value[] | null = null;
  readonly #values: ValueReader;
  readonly #maxValueBytes: number;
  #plan: RowPlan | null = null;
  #kind: RowEventKind | null = null;
  /** Columns that the images have: a bit each, lowest first. */
  readonly #oldPresent = new Uint8Array(MAX_COLUMNS / 8);
  readonly #newPresent = new Uint8Array(MAX_COLUMNS / 8);
  #oldCount = 0;
  #newCount = 0;
  /** The log has differences to a document that it left out: what they come to is UNCHANGED in `after`. */
  #isUnapplied = false;
  /** Of the old row of an update: where each value lies, and its bytes; 0 bytes where there is none. */
  #starts = new Int32Array(64);
  #lengths = new Int32Array(64);

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes;
    this.#values = new ValueReader(maxValueBytes);
  }

  /** Begins with an event, whose body is `buffer[start..end)`. */
  begin(buffer: Buffer, kind: RowEventKind, plan: RowPlan, start: number, end: number): void {
    const values = this.#values;
    this.#plan = plan;
    this.#kind = kind;
    this.op = kind.op;
    this.index = -1;
    values.begin(buffer, start, end);
    values.take(TABLE_ID_AND_FLAGS_BYTES);
    // The length of what is extra counts itself.
    if (kind.isVersion2) values.take(extraBytes(buffer.readUInt16LE(values.take(2))));
    if (this.#width() !== plan.width) throw protocolError("a row event of another width");
    if (plan.width > this.#starts.length) {
      this.#starts = new Int32Array(plan.width);
      this.#lengths = new Int32Array(plan.width);
    }
    const first = kind.op === "c" ? this.#newPresent : this.#oldPresent;
    const count = this.#bitmap(first, plan.width);
    if (kind.op === "c") this.#newCount = count;
    else this.#oldCount = count;
    if (kind.op === "u") this.#newCount = this.#bitmap(this.#newPresent, plan.width);
    if (!kind.isCompressed) return;
    const rows = inflateMariaDb(buffer.subarray(values.at, end));
    values.begin(rows, 0, rows.length);
  }

  /** What `after` leaves out the change may have changed, so that only the source has it (`UnsureChange`). */
  get unsure(): boolean {
    const { after, op } = this;
    const plan = this.#plan;
    if (after === null || plan === null) return false;
    if (this.#newCount === plan.width && !this.#isUnapplied) return false;
    return (op === "c" || plan.isSilent || this.#isUnapplied) && after.includes(UNCHANGED);
  }

  /** Bytes of the event that were read, counted from anywhere; what a row took is told by two of these. */
  get at(): number {
    return this.#values.at;
  }

  /** Moves to the event's next row that is a change. */
  next(): boolean {
    const plan = this.#plan;
    const kind = this.#kind;
    if (plan === null || kind === null) return false;
    while (this.#values.at < this.#values.end) {
      this.#read(plan, kind);
      if (plan.rowEnd === -1 || this.#isChange(plan, kind)) {
        cut(this.before, plan);
        cut(this.after, plan);
        return true;
      }
    }
    return false;
  }

  #read(plan: RowPlan, kind: RowEventKind): void {
    const start = this.#values.at;
    this.index += 1;
    this.#isUnapplied = false;
    this.before = kind.op === "c" ? null : this.#old(plan, kind);
    this.after = kind.op === "d" ? null : this.#new(plan, kind);
    // An image of no columns has no bytes: there would be no end of them.
    if (this.#values.at === start) throw protocolError("a row without bytes");
  }

  #isChange(plan: RowPlan, kind: RowEventKind): boolean {
    const op = versionedOp(kind.op, this.before, this.after, plan.rowEnd);
    if (op === null) return false;
    this.op = op;
    if (op === "c") this.before = null;
    if (op === "d") this.after = null;
    return true;
  }

  /** A length-encoded number. */
  #width(): number {
    const values = this.#values;
    const first = values.view.getUint8(values.take(1));
    if (first < 0xfb) return first;
    if (first !== 0xfc) throw protocolError("a row event of another width");
    return values.view.getUint16(values.take(2), true);
  }

  #bitmap(bitmap: Uint8Array, width: number): number {
    const bytes = (width + 7) >> 3;
    const at = this.#values.take(bytes);
    let count = 0;
    for (let index = 0; index < bytes; index += 1)
      bitmap[index] = this.#values.view.getUint8(at + index);
    for (let index = 0; index < width; index += 1)
      count += ((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1;
    return count;
  }

  #old(plan: RowPlan, kind: RowEventKind): Value[] {
    const values = this.#values;
    const nulls = values.take((this.#oldCount + 7) >> 3);
    const width = plan.width;
    const isUpdate = kind.op === "u";
    const present = this.#oldPresent;
    const row = new Array<Value>(width);
    if (this.#oldCount === width && isZero(values.view, nulls, width)) {
      for (let index = 0; index < width; index += 1) {
        const start = values.at;
        row[index] = values.value(plan, index);
        this.#starts[index] = start;
        this.#lengths[index] = values.at - start;
      }
      return row;
    }
    let bit = 0;
    for (let index = 0; index < width; index += 1) {
      const start = values.at;
      if ((((present[index >> 3] ?? 0) >> (index & 7)) & 1) === 0) {
        row[index] = UNCHANGED;
      } else {
        const isNull = (values.view.getUint8(nulls + (bit >> 3)) >> (bit & 7)) & 1;
        bit += 1;
        row[index] = isNull === 1 ? null : values.value(plan, index);
      }
      if (isUpdate) {
        this.#starts[index] = start;
        this.#lengths[index] = values.at - start;
      }
    }
    return row;
  }

  #new(plan: RowPlan, kind: RowEventKind): Value[] {
    const values = this.#values;
    const before = this.before;
    const partial = kind.isPartial ? this.#partialBits(plan) : -1;
    const nulls = values.take((this.#newCount + 7) >> 3);
    const width = plan.width;
    const present = this.#newPresent;
    const row = new Array<Value>(width);
    if (partial === -1 && this.#newCount === width && isZero(values.view, nulls, width)) {
      for (let index = 0; index < width; index += 1)
        row[index] =
          before === null ? values.value(plan, index) : this.#changed(plan, index, before);
      return row;
    }
    let bit = 0;
    let document = 0;
    for (let index = 0; index < width; index += 1) {
      const isJson = partial !== -1 && plan.forms[index] === Form.JSON;
      const isPartial = isJson && this.#bit(partial, document) === 1;
      if (isJson) document += 1;
      if ((((present[index >> 3] ?? 0) >> (index & 7)) & 1) === 0) {
        // Hidden columns of the server's own are not in a row.
        row[index] = before === null ? UNCHANGED : (before[index] ?? null);
        continue;
      }
      const isNull = (values.view.getUint8(nulls + (bit >> 3)) >> (bit & 7)) & 1;
      bit += 1;
      if (isNull === 1) row[index] = null;
      else if (isPartial) row[index] = this.#patched(plan, index);
      else
        row[index] =
          before === null ? values.value(plan, index) : this.#changed(plan, index, before);
    }
    return row;
  }

  /** The value, or that of the old row where the bytes are the same. */
  #changed(plan: RowPlan, index: number, before: readonly Value[]): Value {
    const values = this.#values;
    const length = this.#lengths[index] ?? 0;
    if ((plan.forms[index] ?? 0) < Form.INT64 || length === 0) return values.value(plan, index);
    const start = this.#starts[index] ?? 0;
    if (values.at + length > values.end || !isSame(values, start, values.at, length))
      return values.value(plan, index);
    values.at += length;
    return before[index] ?? null;
  }

  /** Where the bits of documents written as differences begin; -1 where there are none. */
  #partialBits(plan: RowPlan): number {
    const options = this.#width();
    if ((options & PARTIAL_JSON) === 0) return -1;
    return this.#values.take((plan.jsonColumns + 7) >> 3);
  }

  #bit(bits: number, index: number): number {
    return (this.#values.view.getUint8(bits + (index >> 3)) >> (index & 7)) & 1;
  }

  #patched(plan: RowPlan, index: number): Value {
    const values = this.#values;
    const { buffer } = values;
    const length = values.view.getUint32(values.take(4), true);
    const start = values.take(length);
    const old = this.#lengths[index] ?? 0;
    if (old === 0) {
      this.#isUnapplied = true;
      return UNCHANGED;
    }
    // The document lies behind its length, whose bytes the plan knows.
    const at = this.#starts[index] ?? 0;
    const document = buffer.subarray(at + (plan.sizes[index] ?? 0), at + old);
    const max = plan.isKey[index] === 1 ? Infinity : this.#maxValueBytes;
    return applyJsonDiffs(document, buffer.subarray(start, start + length), max);
  }
}

/** Whether none of so many bits is set: a row without NULL, as most are. What fills the last byte says nothing. */
function isZero(view: DataView, start: number, bits: number): boolean {
  const whole = start + (bits >> 3);
  for (let at = start; at < whole; at += 1) if (view.getUint8(at) !== 0) return false;
  const rest = bits & 7;
  return rest === 0 || (view.getUint8(whole) & ((1 << rest) - 1)) === 0;
}

function extraBytes(length: number): number {
  if (length < 2) throw protocolError("a row event whose extra data has no length");
  return length - 2;
}

/** The server's own columns are the last ones. */
function cut(row: Value[] | null, plan: RowPlan): void {
  const { length } = plan.shape.columns;
  if (row !== null && row.length > length) row.length = length;
}

const LONG_BYTES = 256;

function isSame(
  { buffer, view }: ValueReader,
  first: number,
  second: number,
  length: number,
): boolean {
  if (length > LONG_BYTES)
    return buffer.compare(buffer, first, first + length, second, second + length) === 0;
  let index = 0;
  for (; index + 4 <= length; index += 4)
    if (view.getInt32(first + index) !== view.getInt32(second + index)) return false;
  for (; index < length; index += 1)
    if (view.getUint8(first + index) !== view.getUint8(second + index)) return false;
  return true;
}
