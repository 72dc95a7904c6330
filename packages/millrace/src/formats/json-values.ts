import { Skimmed, UNCHANGED, type Value } from "../model/value.ts";
import { parseArrayText, type ArrayElement } from "./array-text.ts";
import { ByteWriter, Constant } from "./byte-writer.ts";
import type { ColumnForm } from "./column-form.ts";
import { scaleOf, UnscaledBytes, unscaledBytes } from "./decimal.ts";
import { parseHstoreText } from "./hstore-text.ts";
import { RefusedValue } from "./refused-value.ts";
import { textOf } from "./value-text.ts";

/*
 * Hot: a column's value as JSON. One function per column, made once; none of them allocates for what most columns hold.
 */

/** Writes a value that is there. */
export type JsonWriter = (value: Value, out: ByteWriter) => void;

const QUOTE = 0x22;
const COMMA = 0x2c;
const NULL = new Constant("null");
const TRUE = new Constant("true");
const FALSE = new Constant("false");

/** The writer of a form. */
export function jsonWriter(form: ColumnForm): JsonWriter {
  switch (form.kind) {
    case "boolean":
      return (value, out) => out.constant(isTrue(value) ? TRUE : FALSE);
    case "integer":
      return integerWriter(form.max);
    case "float":
      return writeFloat;
    case "text":
      return writeText;
    case "string":
      return form.zonedDigits === undefined
        ? (value, out) => out.jsonString(form.text(textOf(value)))
        : zonedWriter(form.text, form.zonedDigits);
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

/** NULL, or the value. */
export function writeJsonOrNull(write: JsonWriter, value: Value, out: ByteWriter): void {
  if (value === null || value === UNCHANGED) out.constant(NULL);
  else write(value, out);
}

/** Canonical, or as text has it: elements of arrays, PostgreSQL's `bit(1)`. */
export function isTrue(value: Value): boolean {
  return value === true || value === "t" || value === "true" || value === "1" || value === 1;
}

function writeText(value: Value, out: ByteWriter): void {
  out.jsonString(typeof value === "string" ? value : textOf(value));
}

function integerWriter(max: bigint | null): JsonWriter {
  return (value, out) => {
    if (typeof value === "number") return out.integer(value);
    const text = textOf(value);
    if (max !== null && text.length > 18 && BigInt(text) > max)
      throw new RefusedValue("a number beyond 64 bits with a sign");
    out.ascii(text);
  };
}

/** `NaN` and the infinities are texts, as other writers of JSON have them. */
function writeFloat(value: Value, out: ByteWriter): void {
  const text = textOf(value);
  const last = text.charCodeAt(text.length - 1);
  if (last >= 48 && last <= 57) out.ascii(text);
  else out.jsonString(text);
}

function writeLong(value: number | bigint, out: ByteWriter): void {
  if (typeof value === "number") out.integer(value);
  else out.ascii(String(value));
}

const ZONE_BYTES = 3;
const T = 0x54;
const Z = 0x5a;

/** As {@link zonedTimestamp}, without a text between, for what nearly all are: years of four digits after Christ, in UTC. */
function zonedWriter(text: (value: string) => string, digits: number): JsonWriter {
  return (value, out) => {
    const stamp = textOf(value);
    const end = stamp.length - ZONE_BYTES;
    const isUsual =
      end >= 19 &&
      stamp.charCodeAt(10) === 0x20 &&
      stamp.charCodeAt(end) === 0x2b &&
      stamp.charCodeAt(end + 1) === 0x30 &&
      stamp.charCodeAt(end + 2) === 0x30 &&
      stamp.charCodeAt(4) === 0x2d;
    if (!isUsual) return out.jsonString(text(stamp));
    out.reserve(end + digits + 4);
    const { buffer } = out;
    let at = out.length;
    buffer[at++] = QUOTE;
    for (let i = 0; i < end; i++) buffer[at++] = i === 10 ? T : stamp.charCodeAt(i);
    const behind = end - 20;
    if (behind < 0 && digits > 0) buffer[at++] = 0x2e;
    for (let have = Math.max(behind, 0); have < digits; have++) buffer[at++] = 0x30;
    buffer[at++] = Z;
    buffer[at++] = QUOTE;
    out.length = at;
  };
}

function bytesWriter({ bytes, encoding }: Extract<ColumnForm, { kind: "bytes" }>): JsonWriter {
  const isHex = encoding === "hex";
  const isUrlSafe = encoding === "base64url";
  return (value, out) => {
    if (value instanceof Skimmed) throw new RefusedValue(`a value of ${value.bytes} bytes`);
    const held = bytes(value);
    out.byte(QUOTE);
    if (isHex) out.hex(held);
    else out.base64(held, isUrlSafe);
    out.byte(QUOTE);
  };
}

function decimalWriter(scale: number): JsonWriter {
  const scratch = new UnscaledBytes();
  return (value, out) => {
    unscaledBytes(textOf(value), scale, scratch);
    out.byte(QUOTE);
    out.base64(scratch.buffer, false, scratch.start);
    out.byte(QUOTE);
  };
}

function variableDecimalWriter(): JsonWriter {
  const scratch = new UnscaledBytes();
  return (value, out) => {
    const text = textOf(value);
    const scale = scaleOf(text);
    unscaledBytes(text, scale, scratch);
    out.ascii('{"scale":');
    out.integer(scale);
    out.ascii(',"value":"');
    out.base64(scratch.buffer, false, scratch.start);
    out.ascii('"}');
  };
}

function arrayWriter(items: ColumnForm): JsonWriter {
  const write = jsonWriter(items);
  const writeElement = (element: ArrayElement, out: ByteWriter): void => {
    if (element === null) out.constant(NULL);
    else if (typeof element === "string") write(elementValue(items, element), out);
    else writeAll(element, out);
  };
  const writeAll = (elements: readonly ArrayElement[], out: ByteWriter): void => {
    out.byte(0x5b);
    for (let i = 0; i < elements.length; i++) {
      if (i > 0) out.byte(COMMA);
      writeElement(elements[i] ?? null, out);
    }
    out.byte(0x5d);
  };
  return (value, out) => writeAll(parseArrayText(textOf(value)), out);
}

/** An element's canonical form: only bytes have another one than the text in an array. */
export function elementValue(items: ColumnForm, text: string): Value {
  const isBytea = items.kind === "bytes" && text.startsWith("\\x");
  return isBytea ? Buffer.from(text.slice(2), "hex") : text;
}

function writeMap(value: Value, out: ByteWriter): void {
  out.byte(0x7b);
  let isFirst = true;
  for (const [key, held] of parseHstoreText(textOf(value))) {
    if (!isFirst) out.byte(COMMA);
    isFirst = false;
    out.jsonString(key);
    out.byte(0x3a);
    if (held === null) out.constant(NULL);
    else out.jsonString(held);
  }
  out.byte(0x7d);
}

function structWriter({
  parts,
  forms,
  schema,
}: Extract<ColumnForm, { kind: "struct" }>): JsonWriter {
  const names = (schema.fields ?? []).map(({ name }) => new Constant(`"${name}":`));
  const writers = forms.map((form) => jsonWriter(form));
  return (value, out) => {
    const values = parts(textOf(value));
    out.byte(0x7b);
    for (const [i, write] of writers.entries()) {
      if (i > 0) out.byte(COMMA);
      out.constant(names[i] ?? NULL);
      writeJsonOrNull(write, values[i] ?? null, out);
    }
    out.byte(0x7d);
  };
}

/** JSON of what stands for a value that nobody has: the placeholder where the type can hold it; null where it cannot. */
export function unavailableJson(form: ColumnForm, unavailable: string): string | null {
  const { schema } = form;
  const text = JSON.stringify(unavailable);
  const bytes = Buffer.from(unavailable);
  if (form.kind === "bytes") {
    const out = new ByteWriter(unavailable.length * 2);
    bytesWriter(form)(bytes, out);
    return schema.type === "string" || schema.name === undefined ? out.written().toString() : null;
  }
  if (schema.type === "string") return text;
  if (schema.type === "bytes") return `"${bytes.toString("base64")}"`;
  if (schema.type === "array" && schema.items?.type === "string") return `[${text}]`;
  if (schema.type === "map") return `{${text}:${text}}`;
  return null;
}
