/**
 * HOT PATH: writes the messages of a whole transaction into one buffer that is sent at once. pg's own writer starts
 * each message with 256 bytes and copies as it grows, three times over for a batch of a megabyte.
 *
 * PostgreSQL frontend messages, protocol 3.0: Close, Parse, Bind, Execute, CopyData, CopyDone, Sync.
 */
import type { RowLine } from "../../model/row-line.ts";
import type { LinePiece } from "./copy-text.ts";
import type { Statement } from "./statement.ts";

/** One statement of an exchange. `values` are in text form; nobody has them once they were sent. */
export interface Bound {
  readonly statement: Statement;
  values: readonly (string | null)[];
  /** For COPY … FROM STDIN: its data in pieces, sent behind it without waiting to be asked. */
  copied?: readonly (string | LinePiece)[];
}

/** What the server must be told about a statement before it can be used. */
export interface Preparation {
  readonly close: boolean;
  readonly parse: boolean;
}

const EXECUTE_BYTES = 10;
const SYNC_BYTES = 5;
const COPY_HEADER_BYTES = 5;
const COPY_DONE_BYTES = 5;

/**
 * The messages of `bounds` and one Sync. A failure of any makes the server skip the rest up to the Sync, so that a
 * COMMIT at the end runs only when everything before it, BEGIN included, has succeeded. Data of a COPY that failed, or
 * was never begun, is dropped by the server like any other message on the way to the Sync.
 */
export function encodeExchange(
  bounds: readonly Bound[],
  preparations: readonly Preparation[],
  closed: readonly string[],
): Buffer {
  const lengths: number[] = [];
  let total = SYNC_BYTES;
  for (const name of closed) total += closeBytes(name);
  for (const [i, bound] of bounds.entries()) total += measure(bound, preparations[i], lengths);
  const writer = new Writer(total);
  for (const name of closed) writeClose(writer, name);
  let at = 0;
  for (const [i, bound] of bounds.entries()) {
    writePreparation(writer, bound.statement, preparations[i]);
    at = writeBind(writer, bound, lengths, at);
    writer
      .header(0x45, EXECUTE_BYTES - 1)
      .int8(0)
      .int32(0);
    if (bound.copied !== undefined) at = writeCopy(writer, bound.copied, lengths, at);
  }
  writer.header(0x53, SYNC_BYTES - 1);
  return writer.buffer;
}

/** Size of the messages of one statement; leaves the value lengths in `lengths`, so that they are counted once. */
function measure(bound: Bound, preparation: Preparation | undefined, lengths: number[]): number {
  const { name, text } = bound.statement;
  let bytes = EXECUTE_BYTES + bindBytes(name, bound.values.length);
  if (preparation?.close === true) bytes += closeBytes(name);
  if (preparation?.parse === true) bytes += parseBytes(name, text);
  for (const value of bound.values) {
    const length = value === null ? -1 : Buffer.byteLength(value);
    lengths.push(length);
    if (length > 0) bytes += length;
  }
  if (bound.copied === undefined) return bytes;
  for (const piece of bound.copied) {
    const length = typeof piece === "string" ? Buffer.byteLength(piece) : piece.bytes;
    lengths.push(length);
    bytes += COPY_HEADER_BYTES + length;
  }
  return bytes + COPY_DONE_BYTES;
}

function closeBytes(name: string): number {
  return 5 + 1 + name.length + 1;
}

function parseBytes(name: string, text: string): number {
  return 5 + name.length + 1 + Buffer.byteLength(text) + 1 + 2;
}

function bindBytes(name: string, values: number): number {
  return 5 + 1 + name.length + 1 + 2 + 2 + 4 * values + 2;
}

function writeClose(writer: Writer, name: string): void {
  writer
    .header(0x43, closeBytes(name) - 1)
    .int8(0x53)
    .cstring(name);
}

function writePreparation(
  writer: Writer,
  { name, text }: Statement,
  preparation: Preparation | undefined,
): void {
  if (preparation?.close === true) writeClose(writer, name);
  if (preparation?.parse !== true) return;
  writer
    .header(0x50, parseBytes(name, text) - 1)
    .cstring(name)
    .cstring(text)
    .int16(0);
}

function writeBind(
  writer: Writer,
  bound: Bound,
  lengths: readonly number[],
  start: number,
): number {
  const { name } = bound.statement;
  let at = start;
  let bytes = bindBytes(name, bound.values.length);
  for (let i = 0; i < bound.values.length; i++) bytes += Math.max(lengths[start + i] ?? 0, 0);
  // No parameter format codes and no result format codes: everything is text.
  writer
    .header(0x42, bytes - 1)
    .int8(0)
    .cstring(name)
    .int16(0)
    .int16(bound.values.length);
  for (const value of bound.values) writer.value(value, lengths[at++] ?? -1);
  writer.int16(0);
  return at;
}

function writeCopy(
  writer: Writer,
  pieces: readonly (string | LinePiece)[],
  lengths: readonly number[],
  start: number,
): number {
  let at = start;
  for (const piece of pieces) {
    writer.header(0x64, COPY_HEADER_BYTES - 1 + (lengths[at++] ?? 0));
    if (typeof piece === "string") writer.text(piece);
    else writer.lines(piece.lines);
  }
  writer.header(0x63, COPY_DONE_BYTES - 1);
  return at;
}

/** Fills a buffer whose size is known beforehand. */
class Writer {
  readonly buffer: Buffer;
  #at = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafe(bytes);
  }

  /** Message type and length; the length counts itself but not the type. */
  header(type: number, length: number): this {
    return this.int8(type).int32(length);
  }

  int8(value: number): this {
    this.#at = this.buffer.writeUInt8(value, this.#at);
    return this;
  }

  int16(value: number): this {
    this.#at = this.buffer.writeUInt16BE(value, this.#at);
    return this;
  }

  int32(value: number): this {
    this.#at = this.buffer.writeInt32BE(value, this.#at);
    return this;
  }

  cstring(text: string): this {
    return this.text(text).int8(0);
  }

  value(value: string | null, length: number): this {
    this.int32(length);
    return value === null ? this : this.text(value);
  }

  /** Those that stand one behind the other are copied together. */
  lines(lines: readonly RowLine[]): this {
    let [run] = lines;
    let end = run?.start ?? 0;
    for (const line of lines) {
      if (run !== undefined && (line.text !== run.text || line.start !== end)) {
        this.#copy(run, end);
        run = line;
      }
      ({ end } = line);
    }
    if (run !== undefined) this.#copy(run, end);
    return this;
  }

  #copy({ text, start }: RowLine, end: number): void {
    this.#at += text.buffer.copy(this.buffer, this.#at, start, end);
  }

  text(value: string): this {
    this.#at += this.buffer.write(value, this.#at);
    return this;
  }
}
