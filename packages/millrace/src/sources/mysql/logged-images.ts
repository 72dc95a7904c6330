import { MillraceError } from "../../errors/millrace-error.ts";
import type { Transaction } from "../../model/change.ts";
import { LoggedChange } from "../../model/logged-change.ts";
import { imageRow, type RowImages } from "../../model/row-image.ts";
import type { Value } from "../../model/value.ts";
import { protocolError } from "./byte-cursor.ts";
import type { RowEventKind, RowOp } from "./event-types.ts";
import { MysqlImageLayout } from "./image-layout.ts";
import { keyText } from "./keys.ts";
import type { LogPosition } from "./position.ts";
import type { RowPlan } from "./row-plan.ts";

/** Before the rows of an event: the table's number, flags, and what version 2 has beside them. */
const HEAD_BYTES = 8;
/** Events of more bytes are rows of several kilobytes, which gain little; whoever remembers one row keeps all of its event (I10). */
const MOST_BYTES = 65_536;
/** Tables of both servers have at most 4096 columns. */
const MAX_COLUMNS = 4_096;

/**
 * Gives the rows of one row event after the other as the bytes that they are, for a sink that writes them from these: of a row
 * nothing but its key is read. The bytes of an event are copied once, for all of its rows.
 *
 * Hot: `next` runs per row.
 */
export class LoggedImages {
  op: RowOp = "c";
  readonly #maxValueBytes: number;
  readonly #layouts = new WeakMap<RowPlan, { readonly layout: MysqlImageLayout | null }>();
  #plan: RowPlan | null = null;
  #layout: MysqlImageLayout | null = null;
  #images: RowImages | null = null;
  #end = 0;
  /** Bytes of the event's rows that were read; what a row took is told by two of these. */
  at = 0;
  /** The row under it: where its images begin, -1 where there is none. */
  #old = -1;
  #now = -1;
  #key = "";
  /** Its key is NULL in part, or another one than before: its values have to say which row it is about. */
  isUnusual = false;
  /** What a {@link RowDecoder} says of rows that are whole. */
  readonly unsure = false;
  /** Of an image: of the key only where it matters. */
  readonly #starts = new Int32Array(MAX_COLUMNS);
  readonly #ends = new Int32Array(MAX_COLUMNS);
  readonly #oldStarts = new Int32Array(MAX_COLUMNS);
  readonly #oldEnds = new Int32Array(MAX_COLUMNS);
  /** Only the key of the last row is in it. */
  readonly #keyRow: Value[] = [];

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes;
  }

  /** Begins with an event, whose body is `buffer[start..end)`. False where its rows have to become values. */
  begin(buffer: Buffer, kind: RowEventKind, plan: RowPlan, start: number, end: number): boolean {
    if (plan !== this.#plan) {
      this.#plan = plan;
      this.#layout = this.#layoutOf(plan);
    }
    const layout = this.#layout;
    const bytes = end - start;
    if (layout === null || bytes > layout.mostBytes || bytes > MOST_BYTES) return false;
    const rows =
      kind.isCompressed || kind.isPartial ? -1 : wholeRows(buffer, kind, plan, start, end);
    if (rows < 0) return false;
    // Of its own: a pool's would be kept by whatever else stands there.
    const copy = Buffer.allocUnsafeSlow(end - rows);
    buffer.copy(copy, 0, rows, end);
    const view = new DataView(copy.buffer, copy.byteOffset, copy.length);
    this.#images = { layout, buffer: copy, view };
    this.op = kind.op;
    this.at = 0;
    this.#end = copy.length;
    return true;
  }

  /** Moves to the event's next row. @throws MillraceError MR_SOURCE_PROTOCOL */
  next(): boolean {
    const { at } = this;
    const [layout, images, plan] = [this.#layout, this.#images, this.#plan];
    if (layout === null || images === null || plan === null) return false;
    if (at >= this.#end) {
      // Rows have it, as long as they live.
      this.#images = null;
      return false;
    }
    const { op } = this;
    const [starts, ends] = [this.#starts, this.#ends];
    let next = at;
    this.#old = op === "c" ? -1 : at;
    if (op === "u") {
      next = layout.endOf(images.view, at, this.#end, this.#oldStarts, this.#oldEnds);
      this.#now = next;
    } else this.#now = op === "c" ? at : -1;
    this.at = layout.endOf(images.view, next, this.#end, starts, ends);
    this.isUnusual = op === "u" && this.#isKeyOther(images.buffer, plan.shape.key);
    if (!this.isUnusual) this.#readKey(layout, images, plan);
    return true;
  }

  /** The row as a change, which a row {@link isUnusual} can only be with its values. */
  change(position: LogPosition, transaction: Transaction, weight: number): LoggedChange {
    const images = this.#images;
    if (images === null) throw new MillraceError("MR_BUG", "no row is here");
    return new LoggedChange(
      this.op,
      this.#key,
      images,
      this.#old,
      this.#now,
      position,
      transaction,
      weight,
    );
  }

  get before(): Value[] | null {
    return this.#images === null || this.#old < 0 ? null : imageRow(this.#images, this.#old);
  }

  get after(): Value[] | null {
    return this.#images === null || this.#now < 0 ? null : imageRow(this.#images, this.#now);
  }

  #layoutOf(plan: RowPlan): MysqlImageLayout | null {
    const known = this.#layouts.get(plan);
    if (known !== undefined) return known.layout;
    const layout = MysqlImageLayout.of(plan, this.#maxValueBytes);
    this.#layouts.set(plan, { layout });
    return layout;
  }

  /** Whether an update wrote other bytes into the key; the same bytes are the same values. */
  #isKeyOther(buffer: Buffer, key: readonly number[]): boolean {
    for (const index of key) {
      const start = this.#starts[index] ?? 0;
      const bytes = (this.#ends[index] ?? 0) - start;
      const oldStart = this.#oldStarts[index] ?? 0;
      if ((this.#oldEnds[index] ?? 0) - oldStart !== bytes) return true;
      for (let byte = 0; byte < bytes; byte++)
        if (buffer[start + byte] !== buffer[oldStart + byte]) return true;
    }
    return false;
  }

  #readKey(layout: MysqlImageLayout, images: RowImages, plan: RowPlan): void {
    const row = this.#keyRow;
    for (const index of plan.shape.key) {
      const start = this.#starts[index] ?? -1;
      const value = start < 0 ? null : layout.value(images, index, start, this.#ends[index] ?? 0);
      if (value === null) {
        this.isUnusual = true;
        return;
      }
      row[index] = value;
    }
    this.#key = keyText(plan.shape, row);
  }
}

/** Where the rows of an event begin; -1 where they lack columns of their table. @throws MillraceError MR_SOURCE_PROTOCOL */
function wholeRows(
  buffer: Buffer,
  { op, isVersion2 }: RowEventKind,
  { width }: RowPlan,
  start: number,
  end: number,
): number {
  let at = start + HEAD_BYTES;
  // The length of what is extra counts itself.
  if (isVersion2) {
    if (at + 2 > end) throw protocolError("a row event that ends too early");
    at += Math.max(2, buffer.readUInt16LE(at));
  }
  // Wider ones have another length of their width; they are rare, and go by values.
  if (width >= 0xfb || at >= end || buffer[at] !== width) return -1;
  at += 1;
  for (let images = op === "u" ? 2 : 1; images > 0; images--) {
    for (let left = width; left > 0; left -= 8, at++) {
      const all = left >= 8 ? 0xff : (1 << left) - 1;
      if (at >= end || ((buffer[at] ?? 0) & all) !== all) return -1;
    }
  }
  return at;
}
