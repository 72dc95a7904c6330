/* Hot: `find` runs twice per image, what is below it per column of a message. */
import {
  ImageKind,
  type ImageLayout,
  type RowImages,
  type WrittenText,
} from "../../model/row-image.ts";
import type { TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { protocolError } from "./byte-cursor.ts";
import { DECIMAL_DIGITS, unscaledDecimal } from "./decimal.ts";
import { JsonPrinter } from "./json-binary.ts";
import { JsonWriter } from "./json-writer.ts";
import { Form, type RowPlan } from "./row-plan.ts";
import { ValueReader } from "./value-reader.ts";
import { fixedBytes } from "./value-sizes.ts";

/** What a value becomes at most, from each of its bytes: a control character of a document has six, a float more digits than bytes. */
const MOST_GROWTH = 8;

/** A value of these may be longer than what the log has of it by more than that, or may be none at all. */
const OUTGROWING: ReadonlySet<number> = new Set([
  Form.GEO_JSON,
  Form.VECTOR,
  Form.COMPRESSED_TEXT,
  Form.COMPRESSED_BYTES,
]);

const DATES: ReadonlySet<number> = new Set([
  Form.DATE,
  Form.DATETIME,
  Form.TIMESTAMP,
  Form.OLD_DATETIME,
  Form.OLD_TIMESTAMP,
]);

/** Forms whose bytes say all that a message needs. */
const KINDS: Readonly<Record<number, ImageKind>> = {
  [Form.INT8]: ImageKind.INT8,
  [Form.UINT8]: ImageKind.UINT8,
  [Form.INT16]: ImageKind.INT16,
  [Form.UINT16]: ImageKind.UINT16,
  [Form.INT24]: ImageKind.INT24,
  [Form.UINT24]: ImageKind.UINT24,
  [Form.INT32]: ImageKind.INT32,
  [Form.UINT32]: ImageKind.UINT32,
  [Form.INT64]: ImageKind.INT64,
  [Form.UINT64]: ImageKind.UINT64,
  [Form.BOOLEAN]: ImageKind.BOOLEAN,
  [Form.UTF8]: ImageKind.UTF8,
  [Form.JSON]: ImageKind.WRITTEN,
  [Form.DECIMAL]: ImageKind.DECIMAL,
  [Form.TIMESTAMP]: ImageKind.UTC,
};

/**
 * How a log's rows lie in their events, as a plan says: a bit for each column that is NULL, then the values of all others.
 */
export class MysqlImageLayout implements ImageLayout {
  readonly shape: TableShape;
  readonly kinds: Uint8Array;
  readonly scales: Uint8Array;
  /** Events of no more bytes have no value that is skimmed. */
  readonly mostBytes: number;
  readonly #plan: RowPlan;
  readonly #width: number;
  readonly #nullBytes: number;
  /** Bytes of a column's values; negative, of the length before them. */
  readonly #sizes: Int32Array;
  /** Columns in which a date with a zero is NULL. */
  readonly #zeroIsNull: readonly number[];
  readonly #values: ValueReader;
  readonly #writer = new JsonWriter();
  readonly #json = new JsonPrinter(this.#writer);

  private constructor(plan: RowPlan, maxValueBytes: number) {
    const { width, forms, extras, sizes } = plan;
    const columns = Array.from({ length: width }, (_, index) => index);
    this.shape = plan.shape;
    this.#plan = plan;
    this.#width = width;
    this.#nullBytes = (width + 7) >> 3;
    this.#sizes = Int32Array.from(
      columns,
      (index) => fixedBytes(plan, index) || -(sizes[index] ?? 0),
    );
    this.#zeroIsNull = plan.zeroDatesAreNull
      ? columns.filter((index) => DATES.has(forms[index] ?? 0))
      : [];
    this.#values = new ValueReader(maxValueBytes);
    this.mostBytes = maxValueBytes / MOST_GROWTH;
    this.kinds = Uint8Array.from(columns, (index) => kindOf(plan, index));
    this.scales = Uint8Array.from(extras);
  }

  /** Null where rows of the plan have to become values. */
  static of(plan: RowPlan, maxValueBytes: number): MysqlImageLayout | null {
    const { shape, width, forms, sizes, extras, rowEnd } = plan;
    if (shape.key.length === 0 || width !== shape.columns.length || rowEnd !== -1) return null;
    for (let index = 0; index < width; index++) {
      const form = forms[index] ?? 0;
      if (OUTGROWING.has(form)) return null;
      if (form === Form.PADDED_BYTES && (extras[index] ?? 0) > maxValueBytes) return null;
      const isSized = fixedBytes({ ...plan, forms, sizes }, index) > 0;
      if (!isSized && !(form >= Form.UUID && (sizes[index] ?? 0) >= 1 && (sizes[index] ?? 0) <= 4))
        return null;
    }
    return new MysqlImageLayout(plan, maxValueBytes);
  }

  /** Where the image at `start` ends. @throws MillraceError MR_SOURCE_PROTOCOL where that is behind `end`. */
  endOf(view: DataView, start: number, end: number, starts: Int32Array, ends: Int32Array): number {
    const width = this.#width;
    const sizes = this.#sizes;
    let at = start + this.#nullBytes;
    if (at > end) throw tooShort();
    for (let index = 0; index < width; index++) {
      if (((view.getUint8(start + (index >> 3)) >> (index & 7)) & 1) === 1) {
        starts[index] = -1;
        ends[index] = -1;
        continue;
      }
      let bytes = sizes[index] ?? 0;
      if (bytes < 0) {
        const lengthAt = at;
        at -= bytes;
        if (at > end) throw tooShort();
        bytes = lengthOf(view, lengthAt, -bytes);
      }
      starts[index] = at;
      at += bytes;
      if (at > end) throw tooShort();
      ends[index] = at;
    }
    return at;
  }

  find(images: RowImages, start: number, starts: Int32Array, ends: Int32Array): void {
    this.endOf(images.view, start, images.buffer.length, starts, ends);
    for (const column of this.#zeroIsNull) {
      const from = starts[column] ?? -1;
      const isNull = from >= 0 && this.value(images, column, from, ends[column] ?? 0) === null;
      if (isNull) starts[column] = -1;
    }
  }

  value({ buffer }: RowImages, column: number, start: number, end: number): Value {
    const values = this.#values;
    // The reader takes a value's length from before it.
    const size = this.#sizes[column] ?? 0;
    values.begin(buffer, size < 0 ? start + size : start, end);
    return values.value(this.#plan, column);
  }

  write({ buffer, view }: RowImages, start: number, end: number): WrittenText {
    this.#json.print(buffer, view, start, end, Infinity);
    return this.#writer;
  }

  unscaled({ view }: RowImages, column: number, start: number): number {
    const precision = this.#plan.sizes[column] ?? 0;
    return precision > DECIMAL_DIGITS
      ? Number.NaN
      : unscaledDecimal(view, start, precision, this.#plan.extras[column] ?? 0);
  }
}

function kindOf({ forms, charsets }: RowPlan, index: number): ImageKind {
  const form = forms[index] ?? 0;
  const isAsciiText = form === Form.TEXT && charsets[index]?.isAsciiCompatible === true;
  return isAsciiText ? ImageKind.ASCII : (KINDS[form] ?? ImageKind.VALUE);
}

function lengthOf(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true);
  if (bytes === 4) return view.getUint32(at, true);
  return view.getUint16(at, true) + view.getUint8(at + 2) * 65_536;
}

function tooShort(): Error {
  return protocolError("a row that ends too early");
}
