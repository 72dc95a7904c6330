import { Skimmed, type Value } from "../../model/value.ts";
import "../../bytes/buffer-slices.ts";
import { inet4Text, inet6Text, uuidText } from "./addresses.ts";
import { bounded, vectorText } from "./bounded-text.ts";
import { protocolError } from "./byte-cursor.ts";
import { inflatedBytes, inflateValue } from "./compressed-value.ts";
import { decimalBytes, decimalText } from "./decimal.ts";
import { doubleText, floatText } from "./float-text.ts";
import { geoJson } from "./geometry.ts";
import { JsonPrinter } from "./json-binary.ts";
import { JsonWriter } from "./json-writer.ts";
import { Form, type RowPlan } from "./row-plan.ts";
import * as temporal from "./temporal.ts";
import { isAscii, TextWindow } from "./text-window.ts";

/*
 * Hot: everything in this file runs per column. No allocation but the value.
 */

/** A document's text has this part of its bytes at least. */
const JSON_SHRINKS = 4;
const GEOMETRY_SHRINKS = 2;
/** In no charset does a byte of UTF-8 take more. */
const TEXT_SHRINKS = 4;
const SRID_BYTES = 4;

/** Reads the values of one buffer. Never beyond `end`; what cannot be is a MillraceError MR_SOURCE_PROTOCOL. */
export class ValueReader {
  buffer: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;
  end = 0;
  readonly #maxValueBytes: number;
  readonly #writer = new JsonWriter();
  readonly #json = new JsonPrinter(this.#writer);
  readonly #texts = new TextWindow();

  constructor(maxValueBytes: number) {
    this.#maxValueBytes = maxValueBytes;
  }

  begin(buffer: Buffer, start: number, end: number): void {
    if (this.buffer !== buffer) {
      this.buffer = buffer;
      this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    }
    this.at = start;
    this.end = end;
    this.#texts.begin(buffer, end);
  }

  /** Passes bytes; where they begin. */
  take(bytes: number): number {
    const at = this.at;
    if (at + bytes > this.end) throw protocolError("a row that ends too early");
    this.at = at + bytes;
    return at;
  }

  /** The value of a column, which is not NULL. */
  value(plan: RowPlan, index: number): Value {
    const view = this.view;
    switch (plan.forms[index]) {
      case Form.INT8:
        return view.getInt8(this.take(1));
      case Form.UINT8:
        return view.getUint8(this.take(1));
      case Form.INT16:
        return view.getInt16(this.take(2), true);
      case Form.UINT16:
        return view.getUint16(this.take(2), true);
      case Form.INT24:
        return view.getInt8(this.take(3) + 2) * 65_536 + view.getUint16(this.at - 3, true);
      case Form.UINT24:
        return view.getUint8(this.take(3) + 2) * 65_536 + view.getUint16(this.at - 3, true);
      case Form.INT32:
        return view.getInt32(this.take(4), true);
      case Form.UINT32:
        return view.getUint32(this.take(4), true);
      case Form.INT64:
        return this.#int64();
      case Form.UINT64:
        return this.#uint64();
      case Form.FLOAT:
        return floatText(view.getFloat32(this.take(4), true));
      case Form.DOUBLE:
        return doubleText(view.getFloat64(this.take(8), true));
      case Form.BOOLEAN:
        return view.getInt8(this.take(1)) !== 0;
      case Form.BIT1:
        return (view.getUint8(this.take(1)) & 1) === 1;
      case Form.YEAR:
        return temporal.yearOf(view.getUint8(this.take(1)));
      default:
        return this.#composed(plan, index);
    }
  }

  #composed(plan: RowPlan, index: number): Value {
    const size = plan.sizes[index] ?? 0;
    switch (plan.forms[index]) {
      case Form.UTF8:
        return this.#utf8(plan, index, this.#length(size));
      case Form.DECIMAL:
        return this.#decimal(size, plan.extras[index] ?? 0);
      case Form.DATE:
      case Form.DATETIME:
      case Form.TIMESTAMP:
      case Form.OLD_DATETIME:
      case Form.OLD_TIMESTAMP:
        return this.#date(plan, index, size);
      case Form.TIME:
        return temporal.timeText(this.view, this.take(3 + size), size);
      case Form.OLD_TIME:
        return temporal.oldTimeText(this.view, this.take(3));
      case Form.ENUM:
        return this.#enum(plan, index, size);
      case Form.SET:
        return this.#set(plan, index, size);
      case Form.BIT:
        return this.#copy(this.take(size), this.at);
      case Form.UUID:
      case Form.INET4:
      case Form.INET6:
        return this.#address(plan.forms[index] ?? 0, this.#length(size));
      default:
        return this.#sized(plan, index, this.#length(size));
    }
  }

  #int64(): number | string {
    const at = this.take(8);
    const high = this.view.getInt32(at + 4, true);
    if (high >= -0x20_0000 && high < 0x20_0000) {
      const value = high * 0x1_0000_0000 + this.view.getUint32(at, true);
      if (value >= Number.MIN_SAFE_INTEGER) return value;
    }
    return String(this.view.getBigInt64(at, true));
  }

  #uint64(): number | string {
    const at = this.take(8);
    const high = this.view.getUint32(at + 4, true);
    if (high < 0x20_0000) return high * 0x1_0000_0000 + this.view.getUint32(at, true);
    return String(this.view.getBigUint64(at, true));
  }

  #decimal(precision: number, scale: number): string {
    return decimalText(this.view, this.take(decimalBytes(precision, scale)), precision, scale);
  }

  #date(plan: RowPlan, index: number, size: number): string | null {
    const text = this.#dateText(plan.forms[index] ?? 0, size);
    return plan.zeroDatesAreNull && temporal.isZeroDate(text) ? null : text;
  }

  #dateText(form: number, size: number): string {
    const view = this.view;
    if (form === Form.DATETIME) return temporal.datetimeText(view, this.take(5 + size), size);
    if (form === Form.TIMESTAMP) return temporal.timestampText(view, this.take(4 + size), size);
    if (form === Form.DATE) return temporal.dateOf(view, this.take(3));
    if (form === Form.OLD_DATETIME) return temporal.oldDatetimeText(view, this.take(8));
    return temporal.epochText(view.getUint32(this.take(4), true), 0);
  }

  #enum(plan: RowPlan, index: number, size: number): string {
    const at = this.take(size);
    const number = size === 1 ? this.view.getUint8(at) : this.view.getUint16(at, true);
    // What a value that was none of the labels became.
    if (number === 0) return "";
    const label = plan.labels[index]?.[number - 1];
    if (label === undefined) throw protocolError("an enum's value without a label");
    return label;
  }

  #set(plan: RowPlan, index: number, size: number): string {
    const labels = plan.labels[index] ?? [];
    const at = this.take(size);
    let text = "";
    for (let byte = 0; byte < size; byte += 1) {
      let bits = this.view.getUint8(at + byte);
      for (let bit = byte * 8; bits !== 0; bit += 1, bits >>= 1) {
        if ((bits & 1) === 0) continue;
        const label = labels[bit];
        if (label === undefined) throw protocolError("a set's value without a label");
        text = text === "" ? label : `${text},${label}`;
      }
    }
    return text;
  }

  /** A length of one to four bytes before the value. */
  #length(bytes: number): number {
    const at = this.take(bytes);
    if (bytes === 1) return this.view.getUint8(at);
    if (bytes === 2) return this.view.getUint16(at, true);
    if (bytes === 4) return this.view.getUint32(at, true);
    if (bytes !== 3) throw protocolError("a length of an unknown size");
    return this.view.getUint16(at, true) + this.view.getUint8(at + 2) * 65_536;
  }

  #utf8(plan: RowPlan, index: number, length: number): Value {
    const start = this.take(length);
    const stop = this.at;
    if (length > this.#maxValueBytes && plan.isKey[index] === 0) return new Skimmed(length);
    return isAscii(this.view, start, stop)
      ? this.#texts.latin1(start, stop)
      : this.buffer.utf8Slice(start, stop);
  }

  #sized(plan: RowPlan, index: number, length: number): Value {
    const start = this.take(length);
    const stop = this.at;
    const max = plan.isKey[index] === 1 ? Infinity : this.#maxValueBytes;
    switch (plan.forms[index]) {
      case Form.TEXT:
        return this.#encoded(plan, index, start, stop, max);
      case Form.JSON:
        return this.#document(start, stop, max);
      case Form.GEO_JSON:
        return this.#geometry(start, stop, max);
      case Form.VECTOR:
        return this.#vector(start, stop, max);
      case Form.COMPRESSED_TEXT:
      case Form.COMPRESSED_BYTES:
        return this.#inflated(plan, index, start, stop, max);
      case Form.PADDED_BYTES:
        return this.#padded(start, stop, plan.extras[index] ?? 0, max);
      default:
        return length > max ? new Skimmed(length) : this.#copy(start, stop);
    }
  }

  #encoded(plan: RowPlan, index: number, start: number, stop: number, max: number): Value {
    const charset = plan.charsets[index];
    if (charset === null || charset === undefined) throw protocolError("text without a charset");
    if (stop - start > TEXT_SHRINKS * max) return new Skimmed(stop - start);
    if (charset.isAsciiCompatible && isAscii(this.view, start, stop))
      return stop - start > max ? new Skimmed(stop - start) : this.#texts.latin1(start, stop);
    return bounded(charset.decode(this.buffer, start, stop), max);
  }

  #document(start: number, stop: number, max: number): Value {
    const length = stop - start;
    if (length > JSON_SHRINKS * max) return new Skimmed(length);
    return this.#json.print(this.buffer, this.view, start, stop, max)
      ? this.#writer.take()
      : new Skimmed(length);
  }

  /** What an INSERT IGNORE puts into a NOT NULL column is empty, and no geometry. */
  #geometry(start: number, stop: number, max: number): Value {
    if (start === stop) return null;
    if (stop - start > GEOMETRY_SHRINKS * max + SRID_BYTES) return new Skimmed(stop - start);
    return bounded(geoJson(this.buffer, start, stop), max);
  }

  #vector(start: number, stop: number, max: number): Value {
    if ((stop - start) / 2 > max) return new Skimmed(stop - start);
    return bounded(vectorText(this.view, start, stop), max);
  }

  #inflated(plan: RowPlan, index: number, start: number, stop: number, max: number): Value {
    const bytes = inflatedBytes(this.buffer, start, stop);
    const isText = plan.forms[index] === Form.COMPRESSED_TEXT;
    if (bytes > (isText ? TEXT_SHRINKS * max : max)) return new Skimmed(bytes);
    const value = inflateValue(this.buffer, start, stop);
    if (!isText) return Uint8Array.from(value);
    const text = plan.charsets[index]?.decode(value, 0, value.length) ?? "";
    return bounded(text, max);
  }

  /** The log leaves out zeros at the end. */
  #padded(start: number, stop: number, bytes: number, max: number): Value {
    const length = Math.max(bytes, stop - start);
    if (length > max) return new Skimmed(length);
    const value = new Uint8Array(length);
    value.set(this.buffer.subarray(start, stop));
    return value;
  }

  #address(form: number, length: number): string {
    const start = this.take(length);
    const wanted = form === Form.INET4 ? 4 : 16;
    if (length > wanted) throw protocolError("an address of another length");
    // Zeros at the end are left out.
    const bytes = length === wanted ? this.buffer : Buffer.alloc(wanted);
    if (length < wanted) bytes.set(this.buffer.subarray(start, start + length));
    const at = length === wanted ? start : 0;
    if (form === Form.INET4) return inet4Text(bytes, at);
    return form === Form.UUID ? uuidText(bytes, at) : inet6Text(bytes, at);
  }

  #copy(start: number, stop: number): Uint8Array {
    const bytes = new Uint8Array(stop - start);
    bytes.set(this.buffer.subarray(start, stop));
    return bytes;
  }
}
