import { Skimmed, type Value } from "../../model/value.ts";
import { protocolError } from "./byte-cursor.ts";
import type { RowEventKind, RowOp } from "./event-types.ts";
import { RowDecoder } from "./row-decoder.ts";
import { Form, type RowPlan } from "./row-plan.ts";
import { fixedBytes } from "./value-sizes.ts";

/** Values up to this size are always kept: every value of an index, and so of a key, is smaller. */
const ALWAYS_KEPT_BYTES = 8_192;
const TABLE_ID_AND_FLAGS_BYTES = 8;
const PARTIAL_JSON = 1;
/** A text of a value that is longer in the log may still be short enough. */
const MOST_SHRINK = 4;

/** Limits of what is held of a large row, bytes. */
export interface LargeRowLimits {
  /** A larger value is skimmed. */
  readonly maxValueBytes: number;
  /** Once the values kept so far of a row weigh more, further ones are skimmed too: no sink takes such a row. */
  readonly maxRowBytes: number;
}

/** A value whose bytes were let go. */
interface Dropped {
  readonly row: number;
  readonly isOld: boolean;
  readonly index: number;
  readonly bytes: number;
}

/** So many bytes are wanted; they are given back, unless they are only passed. */
interface Request {
  readonly bytes: number;
  readonly isKept: boolean;
}

/**
 * Decodes a row event that is too large to be held, from pieces of any size: values beyond the limits are counted and let
 * go as they pass (`Skimmed`), so that a row of any size takes bounded memory (I10) and its key survives (I1). What is left
 * is an event of ordinary size, for the decoder of these.
 */
export class LargeRowDecoder {
  op: RowOp = "c";
  before: Value[] | null = null;
  after: Value[] | null = null;
  unsure = false;
  readonly #kind: RowEventKind;
  readonly #plan: RowPlan;
  readonly #limits: LargeRowLimits;
  readonly #decoder: RowDecoder;
  readonly #walk: Generator<Request, never, Buffer>;
  #request: Request = { bytes: 0, isKept: false };
  #gathered: Buffer = Buffer.alloc(0);
  #gatheredBytes = 0;
  #passedBytes = 0;
  #bytesLeft: number;
  /** The event up to its rows, and what is kept of rows that are whole. */
  #head: Buffer = Buffer.alloc(0);
  #row: Buffer[] = [];
  #rowBytes = 0;
  #rows: Buffer[] = [];
  #dropped: Dropped[] = [];
  #rowsWalked = 0;
  /** Of the rows that are being decoded, the place of the first one, and behind the last. */
  #firstRow = 0;
  #endRow = 0;
  #isDecoding = false;
  #isBetweenRows = false;

  /** `totalBytes` is the length of the event's body, whose pieces are given. No compressed event. */
  constructor(kind: RowEventKind, plan: RowPlan, totalBytes: number, limits: LargeRowLimits) {
    this.#kind = kind;
    this.#plan = plan;
    this.#bytesLeft = totalBytes;
    this.#limits = limits;
    this.#decoder = new RowDecoder(limits.maxValueBytes);
    if (kind.isCompressed) throw protocolError("a compressed event in pieces");
    this.#walk = this.#event();
    this.#ask(this.#walk.next().value);
  }

  /** Takes the next piece; then {@link next} gives the rows that it has ended. @throws MillraceError MR_SOURCE_PROTOCOL */
  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const bytes = Math.min(this.#request.bytes - this.#passedBytes, end - at);
      if (this.#request.isKept) {
        buffer.copy(this.#gathered, this.#gatheredBytes, at, at + bytes);
        this.#gatheredBytes += bytes;
      }
      at += bytes;
      this.#passedBytes += bytes;
      this.#bytesLeft -= bytes;
      this.#isBetweenRows = false;
      while (this.#passedBytes === this.#request.bytes && !this.#isBetweenRows)
        this.#ask(this.#walk.next(this.#gathered).value);
    }
  }

  /** Moves to the next row that is whole; `before` and `after` are its images. */
  next(): boolean {
    if (!this.#isDecoding) {
      if (this.#rows.length === 0) return false;
      const event = Buffer.concat([this.#head, ...this.#rows]);
      this.#rows = [];
      this.#firstRow = this.#endRow;
      this.#endRow = this.#rowsWalked;
      this.#decoder.begin(event, this.#kind, this.#plan, 0, event.length);
      this.#isDecoding = true;
    }
    this.#isDecoding = this.#decoder.next();
    if (!this.#isDecoding) return this.next();
    const { before, after, unsure } = this.#decoder;
    const place = this.#firstRow + this.#decoder.index;
    for (const { row, isOld, index, bytes } of this.#dropped) {
      const image = isOld ? before : after;
      if (row === place && image !== null && index < image.length)
        image[index] = new Skimmed(bytes);
    }
    this.#dropped = this.#dropped.filter(({ row }) => row > place);
    this.op = this.#decoder.op;
    this.before = before;
    this.after = after;
    this.unsure = unsure;
    return true;
  }

  /** After the last piece. @throws MillraceError MR_SOURCE_PROTOCOL where a row is not whole. */
  finish(): void {
    if (!this.#isBetweenRows) throw protocolError("a large row that ends too early");
  }

  #ask(request: Request): void {
    if (request.bytes > this.#bytesLeft && request.bytes > 0 && !this.#isBetweenRows)
      throw protocolError("a large row that is longer than its event");
    this.#request = request;
    this.#passedBytes = 0;
    this.#gatheredBytes = 0;
    this.#gathered = request.isKept ? Buffer.allocUnsafe(request.bytes) : EMPTY;
  }

  *#event(): Generator<Request, never, Buffer> {
    const { op, isVersion2 } = this.#kind;
    const head: Buffer[] = [yield keep(TABLE_ID_AND_FLAGS_BYTES)];
    if (isVersion2) {
      const extra = yield keep(2);
      const bytes = extra.readUInt16LE(0) - 2;
      if (bytes < 0) throw protocolError("a row event whose extra data has no length");
      head.push(extra, yield keep(bytes));
    }
    const [widthBytes, width] = yield* this.#number();
    if (width !== this.#plan.width) throw protocolError("a row event of another width");
    head.push(widthBytes);
    const first = yield keep((width + 7) >> 3);
    head.push(first);
    const second = op === "u" ? yield keep((width + 7) >> 3) : first;
    if (op === "u") head.push(second);
    this.#head = Buffer.concat(head);
    // Images of no columns have no bytes: there would be no end of them.
    if ([...first, ...second].every((byte) => byte === 0))
      throw protocolError("a row without bytes");
    for (;;) {
      this.#rowBytes = 0;
      if (op !== "c") yield* this.#image(first, true);
      if (op !== "d") yield* this.#image(second, false);
      this.#rows.push(...this.#row);
      this.#row = [];
      this.#rowsWalked += 1;
      this.#isBetweenRows = true;
    }
  }

  /** A length-encoded number, with its bytes. */
  *#number(): Generator<Request, readonly [Buffer, number], Buffer> {
    const first = yield keep(1);
    const value = first.readUInt8(0);
    if (value < 0xfb) return [first, value];
    if (value !== 0xfc) throw protocolError("a row event of another width");
    const rest = yield keep(2);
    return [Buffer.concat([first, rest]), rest.readUInt16LE(0)];
  }

  *#image(present: Buffer, isOld: boolean): Generator<Request, void, Buffer> {
    const { width } = this.#plan;
    const partial = isOld || !this.#kind.isPartial ? null : yield* this.#partialBits();
    const isPresent = (index: number): boolean => bitOf(present, index);
    let count = 0;
    for (let index = 0; index < width; index += 1) if (isPresent(index)) count += 1;
    const nulls = yield* this.#kept((count + 7) >> 3);
    let bit = 0;
    let document = 0;
    for (let index = 0; index < width; index += 1) {
      const isJson = partial !== null && this.#plan.forms[index] === Form.JSON;
      const isPartial = isJson && bitOf(partial, document);
      if (isJson) document += 1;
      if (!isPresent(index)) continue;
      const isNull = bitOf(nulls, bit);
      bit += 1;
      if (!isNull) yield* this.#value(index, isOld, isPartial);
    }
  }

  *#partialBits(): Generator<Request, Buffer | null, Buffer> {
    const [bytes, options] = yield* this.#number();
    this.#row.push(bytes);
    return (options & PARTIAL_JSON) === 0
      ? null
      : yield* this.#kept((this.#plan.jsonColumns + 7) >> 3);
  }

  *#kept(bytes: number): Generator<Request, Buffer, Buffer> {
    const kept = yield keep(bytes);
    this.#row.push(kept);
    this.#rowBytes += bytes;
    return kept;
  }

  *#value(index: number, isOld: boolean, isPartial: boolean): Generator<Request, void, Buffer> {
    const fixed = isPartial ? 0 : fixedBytes(this.#plan, index);
    if (fixed > 0) {
      yield* this.#kept(fixed);
      return;
    }
    const prefix = yield keep(isPartial ? 4 : (this.#plan.sizes[index] ?? 1));
    const bytes = prefix.readUIntLE(0, prefix.length);
    if (bytes > this.#bytesLeft) throw protocolError("a value that is longer than its event");
    // Differences to a document that was let go can be applied to nothing.
    const isKept = this.#isKept(index, bytes) && !(isPartial && this.#isOldDropped(index));
    this.#row.push(isKept ? prefix : Buffer.alloc(prefix.length));
    if (isKept) {
      yield* this.#kept(bytes);
      return;
    }
    this.#dropped.push({ row: this.#rowsWalked, isOld, index, bytes });
    yield { bytes, isKept: false };
  }

  #isOldDropped(index: number): boolean {
    return this.#dropped.some(
      (each) => each.isOld && each.index === index && each.row === this.#rowsWalked,
    );
  }

  #isKept(index: number, bytes: number): boolean {
    const { maxValueBytes, maxRowBytes } = this.#limits;
    if (this.#plan.isKey[index] === 1 || bytes <= ALWAYS_KEPT_BYTES) return true;
    const form = this.#plan.forms[index] ?? 0;
    // What it becomes may be shorter, and only the decoder tells.
    const most = form === Form.UTF8 || form === Form.BYTES ? 1 : MOST_SHRINK;
    return bytes <= most * maxValueBytes && this.#rowBytes + bytes <= maxRowBytes;
  }
}

const EMPTY = Buffer.alloc(0);
const keep = (bytes: number): Request => ({ bytes, isKept: true });
const bitOf = (bits: Buffer, index: number): boolean =>
  (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
