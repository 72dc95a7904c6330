/* Hot: once per item and per record. An item is passed over once; nothing of it is kept. */
import { MillraceError } from "../../errors/millrace-error.ts";
import { Change, type Transaction } from "../../model/change.ts";
import type { Position } from "../../model/position.ts";
import type { TableShape } from "../../model/table.ts";
import { Misfit, Skimmed, UNCHANGED, type Row, type Value } from "../../model/value.ts";
import { tableChanged } from "../../tables/changed-table.ts";
import { rowOverheadBytes } from "../../tables/row-weight.ts";
import type { AttributeValue, Item, StreamRecord } from "./api.ts";
import { valueAt } from "./value-at.ts";
import type { ColumnsOptions } from "./columns-options.ts";
import { itemText, memberName, valueText } from "./document-text.ts";
import { tagOf } from "./inference.ts";
import { MisfitCounts } from "./misfit-counts.ts";
import { rowColumns, type RowColumn, type RowColumns } from "./row-columns.ts";
import { withSortedSets } from "./sorted-sets.ts";
import { shapeFacts } from "./table-shape.ts";

/** Who deletes what has expired. Source: DynamoDB Streams API reference, `Identity`. */
const TTL_PRINCIPAL = "dynamodb.amazonaws.com";

/** What rows are made with. */
export interface ItemRowsOptions extends Pick<ColumnsOptions, "misfits" | "sortsSets" | "before"> {
  /** Values larger than this are skimmed, bytes. */
  readonly maxValueBytes: number;
}

/** Makes rows and changes of one table's items. */
export class ItemRows {
  readonly shape: TableShape;
  /** What did not fit its column, so far. */
  readonly misfits = new MisfitCounts();
  readonly #options: ItemRowsOptions;
  readonly #columns: RowColumns;
  readonly #width: number;
  readonly #overheadBytes: number;
  readonly #form: "plain" | "dynamodb";
  readonly #isWhole: boolean;
  /** Plain JSON has them sorted as it is written. */
  readonly #sortsSets: boolean;

  /** @throws MillraceError MR_BUG where the shape is none of this source's. */
  constructor(shape: TableShape, options: ItemRowsOptions) {
    this.shape = shape;
    this.#options = options;
    this.#columns = rowColumns(shape);
    this.#width = shape.columns.length;
    this.#overheadBytes = rowOverheadBytes(shape);
    const { document } = shapeFacts(shape);
    this.#form = document.form;
    this.#isWhole = document.holds === "whole";
    this.#sortsSets = options.sortsSets && this.#form !== "plain";
  }

  /** The row of an item. @throws MillraceError MR_SOURCE_TABLE_CHANGED where it lacks the shape's key. */
  row(told: Item): Row {
    const item = this.#sortsSets ? withSortedSets(told) : told;
    return this.#isWhole ? this.#whole(item) : this.#parted(item);
  }

  /** A row of which only the key is known; `missing` stands in the other columns. */
  keyRow(key: Item, missing: null | typeof UNCHANGED = UNCHANGED): Row {
    const row = new Array<Value>(this.#width).fill(missing);
    for (const column of this.#columns.keys) row[column.index] = this.#keyValue(column, key);
    return row;
  }

  /** What a row weighs against the byte budget. */
  weigh(row: Row): number {
    let bytes = this.#overheadBytes;
    for (const value of row)
      if (typeof value === "string") bytes += value.length;
      else if (value instanceof Uint8Array) bytes += value.length;
    return bytes;
  }

  /** A row that a Scan or a read by key has found. */
  loaded(item: Item): Change {
    const row = this.row(item);
    return new Change("r", this.shape, null, row, null, null, null, this.weigh(row));
  }

  /** A change of the stream. @throws MillraceError MR_SOURCE_REFUSED where the stream has no new images. */
  change(record: StreamRecord, position: Position, transaction: Transaction): Change {
    const bytes = record.sizeBytes + this.#overheadBytes;
    const { event, newImage } = record;
    if (event === "REMOVE") {
      const before = this.#before(record) ?? this.keyRow(record.keys);
      return new Change("d", this.shape, before, null, position, null, transaction, bytes);
    }
    if (newImage === null)
      throw new MillraceError(
        "MR_SOURCE_REFUSED",
        `the stream of ${this.shape.name} has no new images`,
        { remedy: "Make a stream with the view NEW_IMAGE or NEW_AND_OLD_IMAGES." },
      );
    const op = event === "INSERT" ? "c" : "u";
    const before = op === "u" ? this.#before(record) : null;
    return new Change(
      op,
      this.shape,
      before,
      this.row(newImage),
      position,
      null,
      transaction,
      bytes,
    );
  }

  #before({ oldImage }: StreamRecord): Row | null {
    return this.#options.before && oldImage !== null ? this.row(oldImage) : null;
  }

  #whole(item: Item): Row {
    const row = new Array<Value>(this.#width).fill(null);
    for (const column of this.#columns.all) {
      const value = valueAt(item, column.path);
      if (value !== undefined) this.#take(row, column, value);
    }
    row[this.#columns.document] = this.#bounded(itemText(item, this.#form));
    this.#needKey(row);
    return row;
  }

  #parted(item: Item): Row {
    const { byName, nested, document } = this.#columns;
    const row = new Array<Value>(this.#width).fill(null);
    let text = "{";
    for (const name in item) {
      const value = item[name];
      if (value === undefined) continue;
      const column = byName.get(name);
      if (column !== undefined && this.#take(row, column, value)) continue;
      if (text.length > 1) text += ",";
      text += memberName(name) + valueText(value, this.#form);
    }
    for (const column of nested) {
      const value = valueAt(item, column.path);
      if (value !== undefined) this.#take(row, column, value);
    }
    row[document] = this.#bounded(`${text}}`);
    this.#needKey(row);
    return row;
  }

  /** False where the value stays in the document: it is NULL, which an absent attribute is not, or does not fit. */
  #take(row: Value[], column: RowColumn, value: AttributeValue): boolean {
    const read = column.read(value);
    if (read !== undefined) {
      row[column.index] = this.#bounded(read);
      return true;
    }
    if ("NULL" in value) return false;
    const tag = tagOf(value);
    this.misfits.add(column.name, tag);
    if (this.#options.misfits === "keep") return false;
    const why = `a value of DynamoDB's type ${tag} that is no ${column.type}`;
    row[column.index] = new Misfit(0, why);
    return true;
  }

  #bounded(value: Value): Value {
    const isLarge =
      (typeof value === "string" || value instanceof Uint8Array) &&
      value.length > this.#options.maxValueBytes;
    return isLarge ? new Skimmed(value.length) : value;
  }

  #keyValue(column: RowColumn, key: Item): Value {
    const value = valueAt(key, column.path);
    const read = value === undefined ? undefined : column.read(value);
    if (read === undefined) throw this.#noKey(column);
    return read;
  }

  #needKey(row: readonly Value[]): void {
    for (const column of this.#columns.keys)
      if (row[column.index] === null) throw this.#noKey(column);
  }

  /** No table has items without its key: it was made anew, with another one. */
  #noKey({ name, type }: RowColumn): MillraceError {
    return tableChanged(this.shape, `an item came without its key "${name}" as ${type}`);
  }
}

/** The transaction of a record: each one is its own (DynamoDB's transactions leave no trace in streams). */
export function recordTransaction({ sequence, timeMs, principal }: StreamRecord): Transaction {
  const transaction = { id: sequence, commitTimeMs: timeMs };
  return principal === TTL_PRINCIPAL ? { ...transaction, by: "ttl" } : transaction;
}
