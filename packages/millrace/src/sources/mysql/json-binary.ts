import { protocolError } from "./byte-cursor.ts";
import { decimalBytes, decimalText } from "./decimal.ts";
import type { JsonWriter } from "./json-writer.ts";
import { jsonDateText, jsonDoubleText, jsonTimeText } from "./json-scalars.ts";
import { ColumnCode } from "./table-map.ts";

const Kind = {
  SMALL_OBJECT: 0,
  LARGE_OBJECT: 1,
  SMALL_ARRAY: 2,
  LARGE_ARRAY: 3,
  LITERAL: 4,
  INT16: 5,
  UINT16: 6,
  INT32: 7,
  UINT32: 8,
  INT64: 9,
  UINT64: 10,
  DOUBLE: 11,
  STRING: 12,
  OPAQUE: 15,
} as const;

const LITERALS = ["null", "true", "false"] as const;
/** The servers refuse documents that are deeper. */
const MAX_DEPTH = 100;

const COMMA = 0x2c;
const COLON = 0x3a;
const BLANK = 0x20;
const QUOTE = 0x22;

/**
 * Prints MySQL's binary JSON as the server does, byte for byte. Offsets in it are only believed within the document, and
 * parts that overlap are refused: a document of bytes that mean anything cannot become more text than a server's. Hot.
 */
export class JsonPrinter {
  readonly #writer: JsonWriter;
  #buffer: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  /** Bytes of the document that no element has been found in yet. */
  #left = 0;
  #maxBytes = 0;

  constructor(writer: JsonWriter) {
    this.#writer = writer;
  }

  /**
   * Writes the document `buffer[start..end)`.
   * @returns false where it is longer than `maxBytes`; the writer is empty then.
   * @throws MillraceError MR_SOURCE_PROTOCOL
   */
  print(buffer: Buffer, view: DataView, start: number, end: number, maxBytes: number): boolean {
    this.#buffer = buffer;
    this.#view = view;
    this.#end = end;
    this.#left = end - start + 1;
    this.#maxBytes = maxBytes;
    this.#writer.clear();
    // What an INSERT IGNORE puts into a NOT NULL column.
    if (start === end) this.#writer.ascii("null");
    else this.#value(view.getUint8(start), start + 1, 0);
    if (this.#writer.length <= maxBytes) return true;
    this.#writer.clear();
    return false;
  }

  #need(at: number, bytes: number): number {
    if (at + bytes > this.#end) throw protocolError("JSON that ends too early");
    return at;
  }

  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw protocolError("JSON whose parts overlap");
  }

  #value(kind: number, at: number, depth: number): void {
    this.#spend(1);
    switch (kind) {
      case Kind.SMALL_OBJECT:
      case Kind.LARGE_OBJECT:
      case Kind.SMALL_ARRAY:
      case Kind.LARGE_ARRAY:
        this.#container(kind, at, depth + 1);
        return;
      case Kind.STRING: {
        const start = this.#text(at);
        this.#writer.quoted(this.#buffer, start, this.#textEnd);
        return;
      }
      case Kind.OPAQUE:
        this.#opaque(at);
        return;
      case Kind.INT16:
        this.#writer.integer(this.#view.getInt16(this.#need(at, 2), true));
        return;
      case Kind.UINT16:
        this.#writer.integer(this.#view.getUint16(this.#need(at, 2), true));
        return;
      case Kind.INT32:
        this.#writer.integer(this.#view.getInt32(this.#need(at, 4), true));
        return;
      case Kind.UINT32:
        this.#writer.integer(this.#view.getUint32(this.#need(at, 4), true));
        return;
      default:
        this.#writer.ascii(this.#scalar(kind, at));
    }
  }

  #scalar(kind: number, at: number): string {
    const view = this.#view;
    switch (kind) {
      case Kind.LITERAL:
        return literal(view.getUint8(this.#need(at, 1)));
      case Kind.INT64:
        return String(view.getBigInt64(this.#need(at, 8), true));
      case Kind.UINT64:
        return String(view.getBigUint64(this.#need(at, 8), true));
      case Kind.DOUBLE:
        return jsonDoubleText(view.getFloat64(this.#need(at, 8), true));
      default:
        throw protocolError("JSON of an unknown kind");
    }
  }

  #container(kind: number, start: number, depth: number): void {
    if (depth > MAX_DEPTH) throw protocolError("JSON that is too deep");
    const isLarge = kind === Kind.LARGE_OBJECT || kind === Kind.LARGE_ARRAY;
    const isObject = kind === Kind.SMALL_OBJECT || kind === Kind.LARGE_OBJECT;
    const size = isLarge ? 4 : 2;
    const count = this.#number(start, isLarge);
    const keys = start + 2 * size;
    const keyBytes = size + 2;
    const values = isObject ? keys + count * keyBytes : keys;
    this.#need(values, count * (size + 1));
    const writer = this.#writer;
    writer.byte(isObject ? 0x7b : 0x5b);
    for (let index = 0; index < count; index += 1) {
      if (index > 0) writer.two(COMMA, BLANK);
      if (isObject) this.#key(start, keys + index * keyBytes, isLarge);
      this.#element(start, values + index * (size + 1), isLarge, depth);
      if (writer.length > this.#maxBytes) break;
    }
    writer.byte(isObject ? 0x7d : 0x5d);
  }

  #number(at: number, isLarge: boolean): number {
    return isLarge
      ? this.#view.getUint32(this.#need(at, 4), true)
      : this.#view.getUint16(this.#need(at, 2), true);
  }

  #key(container: number, entry: number, isLarge: boolean): void {
    const start = container + this.#number(entry, isLarge);
    const length = this.#view.getUint16(this.#need(entry + (isLarge ? 4 : 2), 2), true);
    this.#spend(length);
    this.#writer.quoted(this.#buffer, this.#need(start, length), start + length);
    this.#writer.two(COLON, BLANK);
  }

  #element(container: number, entry: number, isLarge: boolean, depth: number): void {
    const kind = this.#view.getUint8(entry);
    const isInlined =
      (kind >= Kind.LITERAL && kind <= Kind.UINT16) ||
      (isLarge && (kind === Kind.INT32 || kind === Kind.UINT32));
    const at = isInlined ? entry + 1 : container + this.#number(entry + 1, isLarge);
    this.#value(kind, at, depth);
  }

  #textEnd = 0;

  /** Where a text behind its length (seven bits a byte, lowest first) begins; it ends at `#textEnd`. */
  #text(at: number): number {
    let length = 0;
    for (let index = 0; index < 5; index += 1) {
      const byte = this.#view.getUint8(this.#need(at + index, 1));
      length += (byte & 0x7f) * 2 ** (7 * index);
      if (byte >= 0x80) continue;
      const start = at + index + 1;
      this.#spend(length);
      this.#textEnd = this.#need(start, length) + length;
      return start;
    }
    throw protocolError("JSON with a text that is too long");
  }

  #opaque(at: number): void {
    const type = this.#view.getUint8(this.#need(at, 1));
    const start = this.#text(at + 1);
    const end = this.#textEnd;
    if (type === ColumnCode.NEWDECIMAL) this.#writer.ascii(this.#decimal(start, end));
    else this.#quotedAscii(this.#opaqueText(type, start, end));
  }

  #opaqueText(type: number, start: number, end: number): string {
    const isTemporal =
      type === ColumnCode.DATE ||
      type === ColumnCode.TIME ||
      type === ColumnCode.DATETIME ||
      type === ColumnCode.TIMESTAMP;
    if (!isTemporal) return `base64:type${type}:${this.#buffer.toString("base64", start, end)}`;
    if (end - start !== 8) throw protocolError("JSON with a time of another length");
    const micros = this.#view.getUint32(start, true) & 0xff_ffff;
    const packed = this.#view.getBigInt64(start, true);
    if (type === ColumnCode.TIME) return jsonTimeText(packed);
    return jsonDateText(Number(packed >> 24n), micros, type !== ColumnCode.DATE);
  }

  #quotedAscii(text: string): void {
    this.#writer.byte(QUOTE);
    this.#writer.ascii(text);
    this.#writer.byte(QUOTE);
  }

  #decimal(start: number, end: number): string {
    const precision = start + 2 > end ? 0 : this.#view.getUint8(start);
    const scale = start + 2 > end ? 0 : this.#view.getUint8(start + 1);
    const isRight = precision > 0 && precision <= 65 && scale <= precision;
    if (!isRight || end - start - 2 !== decimalBytes(precision, scale))
      throw protocolError("JSON with a decimal that is none");
    return decimalText(this.#view, start + 2, precision, scale);
  }
}

function literal(value: number): string {
  const text = LITERALS[value];
  if (text === undefined) throw protocolError("JSON with an unknown literal");
  return text;
}
