import "../../bytes/buffer-slices.ts";
import { MillraceError } from "../../errors/millrace-error.ts";
import { splitPacket } from "../../formats/packet-fields.ts";
import { Change } from "../../model/change.ts";
import { type LineText, type PacketFields, RowLine } from "../../model/row-line.ts";
import type { TableShape } from "../../model/table.ts";
import type { Value } from "../../model/value.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import type { AnsweredRow } from "./answer-reader.ts";
import { keyText } from "./keys.ts";
import type { ValueOptions } from "./row-plan.ts";
import type { ColumnPart, SnapshotColumns } from "./snapshot-columns.ts";
import { fieldKind, isZeroNull } from "./text-values.ts";

/** Rows stand together in buffers of this size; whoever remembers one of them keeps all (I10). */
const TEXT_BYTES = 16_384;
/** A longer one has a buffer of its own: little of a text stays empty. */
const SHARED_BYTES = TEXT_BYTES / 4;
/** A longer row is made values of. */
const MOST_BYTES = 262_144;

/** What lines of a table are made with. */
export interface PacketLineParts {
  readonly columns: SnapshotColumns;
  readonly values: ValueOptions;
  /** No value of a line is larger. */
  readonly maxValueBytes: number;
  /** Which go together. */
  readonly laneOf: (key: string) => number;
}

/**
 * Keeps rows of an answer as they came, for a sink that writes them from their bytes: of a row nothing but its key is read. One
 * that is long, or lacks a value because of its size, is made a row of. Rows stand together with those that go when they do: a
 * lane that stands still would keep the others' alive, of which nobody counts the bytes any more.
 *
 * Hot: once per row of such a load.
 */
export class PacketLines {
  readonly #table: PacketTable;
  readonly #overheadBytes: number;
  readonly #mostBytes: number;
  readonly #laneOf: (key: string) => number;
  readonly #skimmed: readonly number[];
  readonly #keys: readonly ColumnPart[];
  /** Only the key of the last row that was taken is in it. */
  readonly row: Value[];
  /** The one that is being filled, by lane. */
  readonly #texts: PacketText[] = [];

  private constructor(table: PacketTable, { columns, maxValueBytes, laneOf }: PacketLineParts) {
    const { shape } = table;
    this.#table = table;
    this.#overheadBytes = rowOverheadBytes(shape);
    this.#mostBytes = Math.min(MOST_BYTES, maxValueBytes);
    this.#laneOf = laneOf;
    this.#skimmed = columns.reads.map(({ skimmedAt }) => skimmedAt).filter((at) => at !== null);
    this.#keys = columns.reads.filter(({ index }) => shape.key.includes(index));
    this.row = new Array<Value>(shape.columns.length).fill(null);
  }

  /** Null where rows of the table have to become values. */
  static of(shape: TableShape, parts: PacketLineParts): PacketLines | null {
    const kinds = shape.columns.map(fieldKind);
    if (shape.key.length === 0 || kinds.includes(null)) return null;
    const { select, reads } = parts.columns;
    const columns = new Int32Array(select.length).fill(-1);
    for (const { at, index } of reads) columns[at] = index;
    const fields: PacketFields = {
      columns,
      kinds: Uint8Array.from(kinds, (kind) => kind ?? 0),
      zeroIsNull: Uint8Array.from(shape.columns, (column) =>
        isZeroNull(column, parts.values) ? 1 : 0,
      ),
    };
    return new PacketLines({ shape, fields, reads }, parts);
  }

  /** Null where its values have to be made. */
  line(answered: AnsweredRow): RowLine | null {
    const bytes = answered.rowBytes;
    if (bytes > this.#mostBytes) return null;
    for (const at of this.#skimmed) if (!answered.isNull(at)) return null;
    const { row } = this;
    for (const { index, value } of this.#keys) {
      const part = value(answered);
      if (part === null) return null;
      row[index] = part;
    }
    const key = keyText(this.#table.shape, row);
    const text = this.#textFor(key, bytes);
    const from = text.add(answered);
    return new RowLine(text, from, from + bytes, key, bytes + this.#overheadBytes);
  }

  #textFor(key: string, bytes: number): PacketText {
    if (bytes > SHARED_BYTES) return new PacketText(this.#table, bytes);
    const lane = this.#laneOf(key);
    const text = this.#texts[lane];
    if (text?.fits(bytes) === true) return text;
    return (this.#texts[lane] = new PacketText(this.#table, TEXT_BYTES));
  }
}

interface PacketTable {
  readonly shape: TableShape;
  readonly fields: PacketFields;
  readonly reads: readonly ColumnPart[];
}

/** Some rows, one behind the other. */
class PacketText implements LineText {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly packet: PacketFields;
  readonly #table: PacketTable;
  #length = 0;

  constructor(table: PacketTable, bytes: number) {
    // Of its own: a pool's would be kept by whatever else stands there.
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.view = new DataView(this.buffer.buffer, this.buffer.byteOffset, bytes);
    this.packet = table.fields;
    this.#table = table;
  }

  fits(bytes: number): boolean {
    return this.#length + bytes <= this.buffer.length;
  }

  /** Where it stands now. */
  add(answered: AnsweredRow): number {
    const from = this.#length;
    answered.copy(this.buffer, from);
    this.#length += answered.rowBytes;
    return from;
  }

  value(start: number, end: number, column: number): Value {
    const text = this.buffer.utf8Slice(start, end);
    return this.#table.reads[column]?.ofText(text) ?? null;
  }

  read({ start, end, bytes }: RowLine): Change {
    const { shape, fields, reads } = this.#table;
    const starts = new Int32Array(fields.columns.length);
    const stops = new Int32Array(fields.columns.length);
    if (!splitPacket(this.buffer, start, end, starts, stops))
      throw new MillraceError("MR_BUG", "a row of another length than its fields");
    const row = reads.map(({ index, at }) => {
      const from = starts[at] ?? -1;
      return from < 0 ? null : this.value(from, stops[at] ?? 0, index);
    });
    return new Change("r", shape, null, row, null, null, null, bytes);
  }
}
