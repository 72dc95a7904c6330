import { Change } from "../../model/change.ts";
import { type LineText, RowLine } from "../../model/row-line.ts";
import type { TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import type { CopyRowParser } from "./copy-row.ts";
import { keyText } from "./keys.ts";
import type { LineParser } from "./snapshot-copy.ts";

const TAB = 9;
const SPACE = 32;
const BACKSLASH = 92;
const DELETE = 127;

/** Lines stand together in buffers of this size; whoever remembers one of them keeps all (I10). */
const TEXT_BYTES = 16_384;

/** A longer one has a buffer of its own: little of a text stays empty. */
const SHARED_BYTES = TEXT_BYTES / 4;

/**
 * Keeps lines of COPY as they are, for a sink that writes them by COPY again: of a row nothing but its key is read. A
 * line that is long, or whose key holds a NULL, is made a row of. Lines stand together with those that go when they do: a
 * lane that stands still would keep the others' alive, of which nobody counts the bytes any more.
 *
 * Hot: once per row of such a load.
 */
export class CopyLines implements LineParser<Value[] | RowLine> {
  readonly #shape: TableShape;
  readonly #rows: CopyRowParser;
  readonly #overheadBytes: number;
  /** Of each column up to the last one of the key. */
  readonly #isKey: readonly boolean[];
  readonly #laneOf: (key: string) => number;
  /** The one that is being filled, by lane. */
  readonly #texts: CopyText[] = [];

  constructor(shape: TableShape, rows: CopyRowParser, laneOf: (key: string) => number) {
    this.#shape = shape;
    this.#rows = rows;
    this.#overheadBytes = rowOverheadBytes(shape);
    const columns = Math.max(...shape.key) + 1;
    this.#isKey = Array.from({ length: columns }, (_, index) => shape.key.includes(index));
    this.#laneOf = laneOf;
  }

  row(buffer: Buffer, start: number, end: number): Value[] | RowLine {
    const bytes = end - start;
    const key = bytes > this.#rows.wholeBytes ? null : this.#keyOf(buffer, start, end);
    if (key === null) return this.#rows.row(buffer, start, end);
    const text = this.#textFor(key, bytes);
    const from = text.add(buffer, start, end);
    return new RowLine(text, from, from + bytes, key, bytes + this.#overheadBytes);
  }

  piece(buffer: Buffer, start: number, end: number): void {
    this.#rows.piece(buffer, start, end);
  }

  end(): Value[] {
    return this.#rows.end();
  }

  #textFor(key: string, bytes: number): CopyText {
    if (bytes > SHARED_BYTES) return new CopyText(this.#shape, this.#rows, bytes);
    const lane = this.#laneOf(key);
    const text = this.#texts[lane];
    if (text?.fits(bytes) === true) return text;
    return (this.#texts[lane] = new CopyText(this.#shape, this.#rows, TEXT_BYTES));
  }

  /** Null where a part of it is NULL, or the line has too few columns: then it is read as a whole, or refused. */
  #keyOf(buffer: Buffer, start: number, end: number): string | null {
    const row: Value[] = [];
    const last = end - 1;
    let at = start;
    for (let index = 0; index < this.#isKey.length; index++) {
      if (at > last) return null;
      let stop = at;
      let isPlain = true;
      for (; stop < last; stop++) {
        const byte = buffer[stop] ?? TAB;
        if (byte === TAB) break;
        if (byte < SPACE || byte >= DELETE || byte === BACKSLASH) isPlain = false;
      }
      if (this.#isKey[index] === true) {
        const field = buffer.toString(isPlain ? "latin1" : "utf8", at, stop);
        const value = this.#rows.value(field, index);
        if (value === null) return null;
        row.push(value);
      } else row.push(null);
      at = stop + 1;
    }
    return keyText(this.#shape, row);
  }
}

/** Some lines, one behind the other. */
class CopyText implements LineText {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly #shape: TableShape;
  readonly #rows: CopyRowParser;
  #length = 0;

  constructor(shape: TableShape, rows: CopyRowParser, bytes: number) {
    // Of its own: a pool's would be kept by whatever else stands there.
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.view = new DataView(this.buffer.buffer, this.buffer.byteOffset, bytes);
    this.#shape = shape;
    this.#rows = rows;
  }

  fits(bytes: number): boolean {
    return this.#length + bytes <= this.buffer.length;
  }

  /** Where it stands now. */
  add(buffer: Buffer, start: number, end: number): number {
    const from = this.#length;
    this.#length += buffer.copy(this.buffer, from, start, end);
    return from;
  }

  value(start: number, end: number, column: number): Value {
    return this.#rows.value(this.buffer.toString("utf8", start, end), column);
  }

  read({ start, end, bytes }: RowLine): Change {
    const row = this.#rows.row(this.buffer, start, end);
    return new Change("r", this.#shape, null, row, null, null, null, bytes);
  }
}
