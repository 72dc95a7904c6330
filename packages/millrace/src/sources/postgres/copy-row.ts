import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import { Skimmed, type Value } from "../../model/value.ts";
import { AS_IS, type Conversion, conversionOf, TO_BOOLEAN, TO_BYTES } from "./types.ts";

/*
 * Hot: once per row of INIT_SYNC. A row of COPY's text format is one line: values between tabs, `\N` for NULL, and
 * backslash escapes, so that a raw tab or newline never occurs inside a value. Most rows hold no backslash and are
 * done by one decode and one split. Figures: `copy-row.bench.ts`.
 */

const TAB = 9;
const NEWLINE = 10;
const BACKSLASH = 92;
/**
 * Rows above this are made value by value: parts of one long text would keep all of it in memory for as long as
 * somebody remembers the key.
 */
const LONG_ROW_BYTES = 8_192;
const NULL = "\\N";
/** Never the value itself. */
const NOT_ITS_TYPE = "a COPY row has a boolean or bytea in a form that is none";
const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** How the columns of a query are read. */
export interface CopyColumns {
  readonly conversions: readonly Conversion[];
  /** Columns that are never skimmed: without its key a change could not even be parked (I1). */
  readonly kept: ReadonlySet<number>;
}

/** The columns of a whole shape. */
export function copyColumnsOf(shape: TableShape): CopyColumns {
  return {
    conversions: shape.columns.map((column) => conversionOf(column.type)),
    kept: new Set(shape.key),
  };
}

/**
 * Makes rows of COPY lines. A line that is here in one piece goes by {@link CopyRowParser.row}; one too large for that
 * by {@link CopyRowParser.piece} and {@link CopyRowParser.end}, which hold no more of a value than may be kept (I10).
 */
export class CopyRowParser {
  readonly #width: number;
  readonly #conversions: readonly Conversion[];
  readonly #converted: readonly number[];
  readonly #kept: ReadonlySet<number>;
  readonly #maxValueBytes: number;
  readonly #wholeBytes: number;
  #fields: Value[] = [];
  #pieces: Buffer[] = [];
  #fieldBytes = 0;
  #escapes = 0;
  #inEscape = false;

  constructor(columns: CopyColumns, maxValueBytes: number) {
    this.#conversions = columns.conversions;
    this.#width = columns.conversions.length;
    this.#converted = columns.conversions.flatMap((conversion, i) =>
      conversion === AS_IS ? [] : [i],
    );
    this.#kept = columns.kept;
    this.#maxValueBytes = maxValueBytes;
    this.#wholeBytes = Math.min(maxValueBytes, LONG_ROW_BYTES);
  }

  /** Lines longer than this are best made rows of at once: their values may have to be skimmed. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  /** The value of one column, as its line has it. */
  value(field: string, index: number): Value {
    return this.#valueOf(field, index);
  }

  /** The row of a whole line, newline included, in `buffer[start..end)`. */
  row(buffer: Buffer, start: number, end: number): Value[] {
    if (end - start > this.#wholeBytes) {
      this.piece(buffer, start, end);
      return this.end();
    }
    const text = buffer.toString("utf8", start, end - 1);
    const fields: Value[] = this.#width === 0 && text === "" ? [] : text.split("\t");
    if (fields.length !== this.#width) throw this.#wrongWidth(fields.length);
    if (text.includes("\\")) this.#unescapeAll(fields);
    else for (const index of this.#converted) fields[index] = this.#convert(fields[index], index);
    return fields;
  }

  /** Takes the next piece of a line. */
  piece(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      let stop = buffer.indexOf(TAB, at);
      if (stop === -1 || stop >= end) stop = buffer[end - 1] === NEWLINE ? end - 1 : end;
      this.#take(buffer, at, stop);
      if (stop === end) return;
      this.#endField();
      at = stop + 1;
    }
  }

  /** The row, after its last piece. */
  end(): Value[] {
    const fields = this.#width === 0 ? [] : this.#fields;
    this.#fields = [];
    if (fields.length !== this.#width) throw this.#wrongWidth(fields.length);
    return fields;
  }

  /** Keeps what could still be a value of the size that may be held: an escape takes at most two bytes for one. */
  #take(buffer: Buffer, start: number, end: number): void {
    this.#fieldBytes += end - start;
    this.#countEscapes(buffer, start, end);
    const limit = 2 * this.#maxValueBytes + NULL.length + 1;
    if (this.#fieldBytes > limit && !this.#kept.has(this.#fields.length)) this.#pieces = [];
    else this.#pieces.push(Buffer.from(buffer.subarray(start, end)));
  }

  /** From the size of the output text: bytea is written as \x and two digits per byte. */
  #canonicalSize(textBytes: number, index: number): number {
    return this.#conversions[index] === TO_BYTES ? (textBytes - 2) / 2 : textBytes;
  }

  #countEscapes(buffer: Buffer, start: number, end: number): void {
    let at = this.#inEscape ? start + 1 : start;
    this.#inEscape = this.#inEscape && start === end;
    for (;;) {
      at = at < end ? buffer.indexOf(BACKSLASH, at) : -1;
      if (at === -1 || at >= end) return;
      this.#escapes += 1;
      this.#inEscape = at + 1 === end;
      at += 2;
    }
  }

  #endField(): void {
    const index = this.#fields.length;
    const bytes = this.#fieldBytes;
    const size = this.#canonicalSize(bytes - this.#escapes, index);
    const held = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#fieldBytes = 0;
    this.#escapes = 0;
    const value = held.length === bytes ? this.#valueOf(held.toString("utf8"), index) : null;
    const skim =
      held.length < bytes || (sizeOf(value) > this.#maxValueBytes && !this.#kept.has(index));
    this.#fields.push(skim ? new Skimmed(size) : value);
  }

  #unescapeAll(fields: Value[]): void {
    for (let index = 0; index < fields.length; index += 1) {
      const field = fields[index];
      if (typeof field === "string") fields[index] = this.#valueOf(field, index);
    }
  }

  #valueOf(field: string, index: number): Value {
    if (!field.includes("\\")) return this.#convert(field, index);
    return field === NULL ? null : this.#convert(unescape(field), index);
  }

  #convert(value: Value | undefined, index: number): Value {
    const conversion = this.#conversions[index];
    if (typeof value !== "string" || conversion === AS_IS) return value ?? null;
    const converted = conversion === TO_BOOLEAN ? booleanOf(value) : bytesOf(value);
    if (converted === null) throw new MillraceError("MR_SOURCE_PROTOCOL", NOT_ITS_TYPE);
    return converted;
  }

  #wrongWidth(got: number): MillraceError {
    return new MillraceError(
      "MR_SOURCE_PROTOCOL",
      `a COPY row of ${got} columns, not ${this.#width}`,
    );
  }
}

function booleanOf(text: string): boolean | null {
  if (text === "t") return true;
  return text === "f" ? false : null;
}

/** From `\\x0a1b`. `Buffer.from` stops in silence at what is no digit, so its length tells. */
function bytesOf(text: string): Uint8Array | null {
  if (!text.startsWith("\\x")) return null;
  const bytes = new Uint8Array(Buffer.from(text.slice(2), "hex"));
  return bytes.length * 2 === text.length - 2 ? bytes : null;
}

/** Canonical size of a value in bytes; what is held against the sink's limit. */
function sizeOf(value: Value): number {
  if (typeof value === "string") return Buffer.byteLength(value, "utf8");
  return value instanceof Uint8Array ? value.length : 0;
}

/** Undoes COPY's backslash escapes. */
export function unescape(field: string): string {
  let text = "";
  let from = 0;
  for (;;) {
    const at = field.indexOf("\\", from);
    if (at === -1) return text + field.slice(from);
    const next = field.charAt(at + 1);
    text += field.slice(from, at) + (ESCAPES[next] ?? next);
    from = at + 2;
  }
}
