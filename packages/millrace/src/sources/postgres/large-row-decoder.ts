import { Skimmed, type Value } from "../../model/value.ts";
import { byteaBytes, decodeBytea } from "./bytea.ts";
import { absent, fillFrom, type RowEvent } from "./pgoutput-decoder.ts";
import { protocolError, Tag } from "./pgoutput-messages.ts";
import { Form, type RowPlan } from "./row-plan.ts";

const NEW = 0x4e; // N
const OLD_KEY = 0x4b; // K
const OLD_ROW = 0x4f; // O
const TEXT = 0x74; // t

/** Values up to this size are always kept: every value of an index, and so of a key, is smaller. */
const ALWAYS_KEPT_BYTES = 8_192;

/** What the decoder waits for. */
type Part = "row-kind" | "width" | "cell-kind" | "length" | "value" | "end";

const PART_BYTES = { "row-kind": 1, width: 2, "cell-kind": 1, length: 4 } as const;

/** Limits of what is held of a large row, bytes. */
export interface LargeRowLimits {
  /** A larger value is skimmed. */
  readonly maxValueBytes: number;
  /** Once the values kept so far weigh more, further ones are skimmed too: no sink takes such a row. */
  readonly maxRowBytes: number;
}

/**
 * Decodes a row message that is too large to be held, from pieces of any size. Values beyond the limits are counted
 * and let go as they pass (`Skimmed`), so that a row of any size takes bounded memory (I10) and its key survives (I1).
 */
export class LargeRowDecoder {
  readonly #plan: RowPlan;
  readonly #tag: number;
  readonly #limits: LargeRowLimits;
  readonly #scratch = Buffer.alloc(4);
  #gathered = 0;
  #part: Part = "row-kind";
  #rowKind = 0;
  #old: Value[] | null = null;
  #row: Value[] = [];
  #held: Buffer | null = null;
  #valueBytes = 0;
  #valueLeft = 0;
  #heldBytes = 0;
  #bytesLeft: number;

  /** `tag` is that of the message; pieces begin after the table's oid and are `totalBytes` together. */
  constructor(tag: number, plan: RowPlan, totalBytes: number, limits: LargeRowLimits) {
    this.#tag = tag;
    this.#plan = plan;
    this.#bytesLeft = totalBytes;
    this.#limits = limits;
  }

  /** Bytes of values that are held. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes the next piece. @throws MillraceError MR_SOURCE_PROTOCOL */
  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const before = at;
      at = this.#part === "value" ? this.#value(buffer, at, end) : this.#small(buffer, at, end);
      this.#bytesLeft -= at - before;
    }
  }

  /** The row, once all pieces are in. @throws MillraceError MR_SOURCE_PROTOCOL */
  finish(): RowEvent {
    if (this.#part !== "end") throw protocolError("a large row that ends too early");
    if (this.#tag === Tag.DELETE) return { old: this.#row, new: null };
    if (this.#old !== null) fillFrom(this.#row, this.#old);
    return { old: this.#old, new: this.#row };
  }

  #small(buffer: Buffer, start: number, end: number): number {
    const part = this.#part;
    if (part === "end" || part === "value") throw protocolError("a large row that is too long");
    let at = start;
    const wanted = PART_BYTES[part];
    while (at < end && this.#gathered < wanted) this.#scratch[this.#gathered++] = buffer[at++] ?? 0;
    if (this.#gathered < wanted) return at;
    this.#gathered = 0;
    if (part === "row-kind") this.#beginRow(this.#scratch.readUInt8());
    else if (part === "width") this.#width(this.#scratch.readUInt16BE());
    else if (part === "cell-kind") this.#cell(this.#scratch.readUInt8());
    else this.#beginValue(this.#scratch.readUInt32BE());
    return at;
  }

  #beginRow(kind: number): void {
    const first = this.#rowKind === 0;
    const isOld = kind === OLD_KEY || kind === OLD_ROW;
    const allowed =
      this.#tag === Tag.INSERT
        ? kind === NEW
        : first && isOld
          ? true
          : this.#tag === Tag.UPDATE && kind === NEW;
    if (!allowed) throw protocolError("a large row of an unknown kind");
    this.#rowKind = kind;
    this.#part = "width";
  }

  #width(columns: number): void {
    if (columns !== this.#plan.forms.length)
      throw protocolError("a row of another width than its table");
    this.#row = [];
    this.#nextCell();
  }

  #cell(kind: number): void {
    if (kind === TEXT) {
      this.#part = "length";
      return;
    }
    this.#row.push(absent(kind, this.#rowKind === OLD_KEY));
    this.#nextCell();
  }

  #beginValue(bytes: number): void {
    if (bytes > this.#bytesLeft) throw protocolError("a value that is longer than its message");
    this.#valueBytes = bytes;
    this.#valueLeft = bytes;
    this.#held = this.#isKept(bytes) ? Buffer.allocUnsafeSlow(bytes) : null;
    if (this.#held !== null) this.#heldBytes += bytes;
    this.#part = "value";
    if (bytes === 0) this.#endValue();
  }

  #isKept(bytes: number): boolean {
    const index = this.#row.length;
    if (this.#plan.isKey[index] === 1) return true;
    const size = this.#plan.forms[index] === Form.BYTES ? byteaBytes(bytes) : bytes;
    if (size > this.#limits.maxValueBytes) return false;
    return bytes <= ALWAYS_KEPT_BYTES || this.#heldBytes + bytes <= this.#limits.maxRowBytes;
  }

  #value(buffer: Buffer, start: number, end: number): number {
    const taken = Math.min(end - start, this.#valueLeft);
    this.#held?.set(buffer.subarray(start, start + taken), this.#valueBytes - this.#valueLeft);
    this.#valueLeft -= taken;
    if (this.#valueLeft === 0) this.#endValue();
    return start + taken;
  }

  #endValue(): void {
    const form = this.#plan.forms[this.#row.length];
    const held = this.#held;
    this.#held = null;
    if (held === null) {
      this.#row.push(
        new Skimmed(form === Form.BYTES ? byteaBytes(this.#valueBytes) : this.#valueBytes),
      );
    } else {
      this.#row.push(valueOf(held, form));
    }
    this.#nextCell();
  }

  #nextCell(): void {
    this.#part = "cell-kind";
    if (this.#row.length < this.#plan.forms.length) return;
    if (this.#rowKind === NEW || this.#tag === Tag.DELETE) {
      this.#part = "end";
      return;
    }
    this.#old = this.#row;
    this.#part = "row-kind";
  }
}

function valueOf(held: Buffer, form: number | undefined): Value {
  if (form === Form.BYTES) {
    const bytes = decodeBytea(held, 0, held.length);
    if (bytes === null) throw protocolError("a bytea that is not hexadecimal");
    return bytes;
  }
  const text = held.toString("utf8");
  if (form !== Form.BOOLEAN) return text;
  if (text !== "t" && text !== "f") throw protocolError("a boolean that is neither t nor f");
  return text === "t";
}
