/*
 * Hot: a column of a line as JSON, from the bytes of the one to those of the other. What is not plain there and then goes
 * by the column's value: what comes out is always what `json-values.ts` makes of it.
 */
import type { ByteWriter } from "./byte-writer.ts";
import { Constant } from "./byte-writer.ts";
import type { ColumnForm } from "./column-form.ts";
import { unscaledField, UnscaledBytes } from "./decimal.ts";
import { ImageKind } from "../model/row-image.ts";
import type { JsonWriter } from "./json-values.ts";
import type { LineFields } from "./line-fields.ts";
import { writeUtc } from "./utc-bytes.ts";

/** Writes a field that is not NULL. */
export type LineWriter = (fields: LineFields, column: number, out: ByteWriter) => void;

const QUOTE = 0x22;
const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const T = 0x54;
const Z = 0x5a;
const SMALL_T = 0x74;
const SMALL_F = 0x66;

const TRUE = new Constant("true");
const FALSE = new Constant("false");

/** The writer of a form; `write` is the one of its values. */
export function lineWriter(form: ColumnForm, write: JsonWriter): LineWriter {
  const byValue: LineWriter = (fields, column, out) => write(fields.value(column), out);
  switch (form.kind) {
    case "boolean":
      return booleanWriter(byValue);
    case "integer":
      return form.max === null ? integerWriter(byValue) : byValue;
    case "float":
      return floatWriter(byValue);
    case "text":
      return textWriter(byValue);
    case "string":
      return form.zonedDigits === undefined ? byValue : zonedWriter(form.zonedDigits, byValue);
    case "decimal":
      return decimalWriter(form.scale, byValue);
    default:
      return byValue;
  }
}

function booleanWriter(byValue: LineWriter): LineWriter {
  return (fields, column, out) => {
    const [start = 0, end = 0] = [fields.starts[column], fields.ends[column]];
    const byte = fields.buffer[start];
    if (fields.imageKind(column) === ImageKind.BOOLEAN) out.constant(byte === 0 ? FALSE : TRUE);
    else if (fields.isImage) byValue(fields, column, out);
    else if (end !== start + 1 || (byte !== SMALL_T && byte !== SMALL_F))
      byValue(fields, column, out);
    else out.constant(byte === SMALL_T ? TRUE : FALSE);
  };
}

function integerWriter(byValue: LineWriter): LineWriter {
  return (fields, column, out) => {
    if (fields.isPlain(column)) return writeField(fields, column, out);
    const value = fields.integer(column);
    if (Number.isNaN(value)) byValue(fields, column, out);
    else out.integer(value);
  };
}

/** `NaN` and the infinities are texts. */
function floatWriter(byValue: LineWriter): LineWriter {
  return (fields, column, out) => {
    const last = fields.buffer[(fields.ends[column] ?? 0) - 1] ?? 0;
    if (fields.isPlain(column) && last >= ZERO && last <= NINE) writeField(fields, column, out);
    else byValue(fields, column, out);
  };
}

function textWriter(byValue: LineWriter): LineWriter {
  return (fields, column, out) => {
    if (fields.isUnseen(column)) {
      const { buffer, view, starts, ends } = fields;
      const [start = 0, end = 0] = [starts[column], ends[column]];
      if (view === null || !out.jsonUtf8(buffer, view, start, end)) byValue(fields, column, out);
      return;
    }
    if (!fields.isAscii(column)) {
      if (!writeImageText(fields, column, out)) byValue(fields, column, out);
      return;
    }
    const [start = 0, end = 0] = [fields.starts[column], fields.ends[column]];
    out.byte(QUOTE);
    const { view } = fields;
    if (fields.isPlain(column) && view !== null) out.words(view, start, end);
    else if (fields.isPlain(column)) out.part(fields.buffer, start, end);
    else out.jsonBytes(fields.buffer, start, end);
    out.byte(QUOTE);
  };
}

/** False, and nothing is written, where it is no such text. */
function writeImageText(fields: LineFields, column: number, out: ByteWriter): boolean {
  if (fields.isUnseenAscii(column)) {
    const { buffer, view, starts, ends } = fields;
    const [start = 0, end = 0] = [starts[column], ends[column]];
    return view !== null && out.jsonUtf8(buffer, view, start, end, true);
  }
  const text = fields.written(column);
  return text !== null && out.jsonUtf8(text.bytes, text.view, 0, text.length);
}

function writeField({ buffer, starts, ends }: LineFields, column: number, out: ByteWriter): void {
  out.part(buffer, starts[column] ?? 0, ends[column] ?? 0);
}

const ZONE_BYTES = 3;

/** Years of four digits after Christ, in UTC, as nearly all are: a `T` in the middle, zeros behind, and a `Z`. */
function zonedWriter(digits: number, byValue: LineWriter): LineWriter {
  return (fields, column, out) => {
    const [start = 0, stop = 0] = [fields.starts[column], fields.ends[column]];
    const { buffer: from } = fields;
    if (fields.imageKind(column) === ImageKind.UTC) {
      if (!writeUtc(fields.view, start, stop, digits, out)) byValue(fields, column, out);
      return;
    }
    const isUtc = fields.isUtc(column);
    const length = isUtc ? stop - start : stop - start - ZONE_BYTES;
    const end = start + length;
    const isUsual =
      length >= 19 &&
      from[start + 10] === SPACE &&
      from[start + 4] === MINUS &&
      // Zeros at its end are not the value's; a message has as many digits as the column.
      (isUtc ? length - 20 <= digits : isInUtc(fields, column, end));
    if (!isUsual) return byValue(fields, column, out);
    out.reserve(length + digits + 4);
    const { buffer } = out;
    let at = out.length;
    buffer[at++] = QUOTE;
    for (let i = start; i < end; i++) buffer[at++] = from[i] ?? 0;
    buffer[at - length + 10] = T;
    const behind = length - 20;
    if (behind < 0 && digits > 0) buffer[at++] = POINT;
    for (let have = Math.max(behind, 0); have < digits; have++) buffer[at++] = ZERO;
    buffer[at++] = Z;
    buffer[at++] = QUOTE;
    out.length = at;
  };
}

function isInUtc(fields: LineFields, column: number, zoneAt: number): boolean {
  const { buffer } = fields;
  return (
    fields.isPlain(column) &&
    buffer[zoneAt] === PLUS &&
    buffer[zoneAt + 1] === ZERO &&
    buffer[zoneAt + 2] === ZERO
  );
}

function decimalWriter(scale: number, byValue: LineWriter): LineWriter {
  const scratch = new UnscaledBytes();
  return (fields, column, out) => {
    const { buffer, starts, ends } = fields;
    const unscaled = fields.unscaled(column, scale);
    if (!Number.isNaN(unscaled)) scratch.ofNumber(unscaled);
    else if (
      fields.isImage ||
      !unscaledField(buffer, starts[column] ?? 0, ends[column] ?? 0, scale, scratch)
    )
      return byValue(fields, column, out);
    out.byte(QUOTE);
    out.base64(scratch.buffer, false, scratch.start);
    out.byte(QUOTE);
  };
}
