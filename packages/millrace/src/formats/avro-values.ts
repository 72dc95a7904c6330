import { Skimmed, UNCHANGED, type Value } from "../model/value.ts";
import { parseArrayText } from "./array-text.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { BytesEncoding, ColumnForm } from "./column-form.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import { scaleOf, UnscaledBytes, unscaledBytes } from "./decimal.ts";
import { parseHstoreText } from "./hstore-text.ts";
import { elementValue, isTrue } from "./json-values.ts";
import { RefusedValue } from "./refused-value.ts";
import { textOf } from "./value-text.ts";
import { zeroBytes, zeroFields, zeroText } from "./zero-values.ts";

/*
 * Hot: a column's value in Avro's binary form. One function per column, made once.
 */

/** Writes a value that is there. */
export type AvroWriter = (value: Value, out: ByteWriter) => void;

const DOUBLE = new DataView(new ArrayBuffer(8));
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** A whole number, zigzag and in groups of seven bits. */
export function writeLong(value: number | bigint, out: ByteWriter): void {
  if (typeof value === "bigint" || !Number.isSafeInteger(value))
    return writeBigLong(BigInt(value), out);
  if (value >= -0x4000_0000 && value < 0x4000_0000) {
    let bits = ((value << 1) ^ (value >> 31)) >>> 0;
    while (bits >= 0x80) {
      out.byte((bits & 0x7f) | 0x80);
      bits >>>= 7;
    }
    return out.byte(bits);
  }
  // Beyond 32 bits by division; beyond 2^52 doubled numbers are no longer exact.
  if (Math.abs(value) >= 2 ** 52) return writeBigLong(BigInt(value), out);
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  while (rest >= 0x80) {
    out.byte((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  out.byte(rest);
}

function writeBigLong(value: bigint, out: ByteWriter): void {
  if (value > MAX_INT64 || value < -MAX_INT64 - 1n)
    throw new RefusedValue("a number beyond 64 bits with a sign");
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest >= 0x80n) {
    out.byte(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.byte(Number(rest));
}

/** UTF-8 behind its length. */
export function writeString(text: string, out: ByteWriter): void {
  const start = out.length;
  // Nearly all texts are short: a length of one byte is tried first.
  out.byte(0);
  out.utf8(text);
  const bytes = out.length - start - 1;
  if (bytes < 64) out.buffer[start] = bytes * 2;
  else {
    const written = Uint8Array.from(out.buffer.subarray(start + 1, out.length));
    out.length = start;
    writeLong(bytes, out);
    out.bytes(written);
  }
}

/** Bytes behind their length. */
export function writeBytes(bytes: Uint8Array, out: ByteWriter): void {
  writeLong(bytes.length, out);
  out.bytes(bytes);
}

function writeFloat(value: number, bytes: 4 | 8, out: ByteWriter): void {
  if (bytes === 4) DOUBLE.setFloat32(0, value, true);
  else DOUBLE.setFloat64(0, value, true);
  for (let i = 0; i < bytes; i++) out.byte(DOUBLE.getUint8(i));
}

/** The writer of a form. */
export function avroWriter(form: ColumnForm): AvroWriter {
  switch (form.kind) {
    case "boolean":
      return (value, out) => out.byte(isTrue(value) ? 1 : 0);
    case "integer":
      return writeInteger;
    case "float": {
      const bytes = form.schema.type === "float32" ? 4 : 8;
      return (value, out) => writeFloat(Number(textOf(value)), bytes, out);
    }
    case "text":
      return (value, out) => writeString(textOf(value), out);
    case "string":
      return (value, out) => writeString(form.text(textOf(value)), out);
    case "long":
      return (value, out) => writeLong(form.number(textOf(value)), out);
    case "bytes":
      return bytesWriter(form);
    case "decimal":
      return decimalWriter(form.scale);
    case "variable-decimal":
      return variableDecimalWriter();
    case "array":
      return arrayWriter(form.items);
    case "map":
      return writeMap;
    case "struct":
      return structWriter(form);
  }
}

function writeInteger(value: Value, out: ByteWriter): void {
  if (typeof value === "number") return writeLong(value, out);
  const text = textOf(value);
  writeLong(text.length < 16 ? Number(text) : BigInt(text), out);
}

function bytesWriter(form: Extract<ColumnForm, { kind: "bytes" }>): AvroWriter {
  const { bytes, encoding, schema } = form;
  const isText = schema.type === "string";
  return (value, out) => {
    if (value instanceof Skimmed) throw new RefusedValue(`a value of ${value.bytes} bytes`);
    const held = bytes(value);
    if (isText) writeString(encoded(held, encoding), out);
    else writeBytes(held, out);
  };
}

/** With padding in every alphabet. */
function encoded(bytes: Uint8Array, encoding: BytesEncoding): string {
  if (encoding === "hex") return Buffer.from(bytes).toString("hex");
  const text = Buffer.from(bytes).toString("base64");
  return encoding === "base64" ? text : text.replaceAll("+", "-").replaceAll("/", "_");
}

function decimalWriter(scale: number): AvroWriter {
  const scratch = new UnscaledBytes();
  return (value, out) => {
    unscaledBytes(textOf(value), scale, scratch);
    writeBytes(scratch.view(), out);
  };
}

function variableDecimalWriter(): AvroWriter {
  const scratch = new UnscaledBytes();
  return (value, out) => {
    const text = textOf(value);
    const scale = scaleOf(text);
    unscaledBytes(text, scale, scratch);
    writeLong(scale, out);
    writeBytes(scratch.view(), out);
  };
}

function arrayWriter(items: ColumnForm): AvroWriter {
  const write = avroWriter(items);
  return (value, out) => {
    const elements = parseArrayText(textOf(value));
    if (elements.length > 0) writeLong(elements.length, out);
    for (const element of elements) {
      if (typeof element === "object" && element !== null)
        throw new RefusedValue("an array in an array, which the schema has no word for");
      out.byte(element === null ? 0 : 2);
      if (element !== null) write(elementValue(items, element), out);
    }
    out.byte(0);
  };
}

function writeMap(value: Value, out: ByteWriter): void {
  const pairs = parseHstoreText(textOf(value));
  if (pairs.length > 0) writeLong(pairs.length, out);
  for (const [key, held] of pairs) {
    writeString(key, out);
    out.byte(held === null ? 0 : 2);
    if (held !== null) writeString(held, out);
  }
  out.byte(0);
}

function structWriter({ parts, forms }: Extract<ColumnForm, { kind: "struct" }>): AvroWriter {
  const writers = forms.map((form) => ({ write: avroWriter(form), schema: form.schema }));
  return (value, out) => {
    const values = parts(textOf(value));
    for (const [i, { write, schema }] of writers.entries())
      writeOptional(values[i] ?? null, schema.optional, write, out);
  };
}

/** A value that may be null, or not. */
export function writeOptional(
  value: Value,
  isOptional: boolean,
  write: AvroWriter,
  out: ByteWriter,
): void {
  const isNull = value === null || value === UNCHANGED;
  if (isOptional) out.byte(isNull ? 0 : 2);
  else if (isNull) throw new RefusedValue("NULL, which the schema does not allow");
  if (!isNull) write(value, out);
}

/** What stands for a value that nobody has; null where the type cannot hold the placeholder. */
export function avroPlaceholder(schema: ConnectSchema, unavailable: string): AvroWriter | null {
  switch (schema.type) {
    case "string":
      return (_, out) => writeString(unavailable, out);
    case "bytes":
      return (_, out) => writeBytes(Buffer.from(unavailable), out);
    default:
      return null;
  }
}

/** What a field that cannot be null holds where the log has no value. */
export function avroZero(schema: ConnectSchema): AvroWriter {
  switch (schema.type) {
    case "float32":
      return (_, out) => writeFloat(0, 4, out);
    case "float64":
      return (_, out) => writeFloat(0, 8, out);
    case "string":
      return (_, out) => writeString(zeroText(schema), out);
    case "bytes":
      return (_, out) => writeBytes(zeroBytes(schema), out);
    case "struct":
      return (_, out) => {
        for (const { schema: each } of zeroFields(schema)) {
          if (each.optional) out.byte(0);
          else avroZero(each)(null, out);
        }
      };
    default:
      // No elements, 0 and false are all one zero byte.
      return (_, out) => out.byte(0);
  }
}
