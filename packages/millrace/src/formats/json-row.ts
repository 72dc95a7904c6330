import type { TargetColumn, TargetTable } from "../model/table.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import { type ByteWriter, Constant } from "./byte-writer.ts";
import type { ColumnForm } from "./column-form.ts";
import type { ValueOptions } from "./format.ts";
import { lineWriter, type LineWriter } from "./json-lines.ts";
import { jsonWriter, unavailableJson, type JsonWriter } from "./json-values.ts";
import type { LineFields } from "./line-fields.ts";
import { refusedColumn } from "./refused-value.ts";
import { zeroJson } from "./zero-values.ts";

const NULL = new Constant("null");
const EMPTY = new Constant("{}");
const CLOSE = 0x7d;

/** What a row's object holds of a value that the log left out. */
export type LeftOut = "placeholder" | "nothing" | "null";

/** A column of rows that are written, with the index that it has in them. */
export interface RowColumn {
  readonly index: number;
  readonly column: TargetColumn;
  readonly form: ColumnForm;
}

/** The columns of a table that its messages have: not the key that we gave to rows without one. */
export function columnsOf(
  table: TargetTable,
  formOf: (column: TargetColumn) => ColumnForm,
): RowColumn[] {
  return table.columns
    .map((column, index) => ({ index, column, form: formOf(column) }))
    .filter(({ index }) => !table.keyless || !table.key.includes(index));
}

/** Whether a message's schema lets the column be null. */
export function isOptional(table: TargetTable, { index, column }: RowColumn): boolean {
  return !table.key.includes(index) && (column.sourceNullable ?? column.nullable);
}

/**
 * Writes rows of a table as JSON objects.
 *
 * Hot: per column a name that is bytes already and one call.
 */
export class JsonRow {
  readonly #columns: readonly RowColumn[];
  readonly #indexes: Int32Array;
  readonly #names: readonly Constant[];
  readonly #writers: readonly JsonWriter[];
  readonly #lineWriters: readonly LineWriter[];
  readonly #placeholders: readonly Constant[];
  readonly #zeros: readonly Constant[];

  constructor(
    table: TargetTable,
    columns: readonly RowColumn[],
    options: Pick<ValueOptions, "unavailable">,
    /** What a row begins with. */
    start = "{",
  ) {
    this.#columns = columns;
    this.#indexes = Int32Array.from(columns, ({ index }) => index);
    this.#names = columns.map(
      ({ column }, i) => new Constant(`${i === 0 ? start : ","}${JSON.stringify(column.name)}:`),
    );
    this.#writers = columns.map(({ form }) => jsonWriter(form));
    this.#lineWriters = columns.map(({ form }, i) =>
      lineWriter(form, this.#writers[i] ?? jsonWriter(form)),
    );
    const zeros = columns.map((each) =>
      isOptional(table, each) ? "null" : zeroJson(each.form.schema),
    );
    this.#zeros = zeros.map((json) => new Constant(json));
    this.#placeholders = columns.map(
      ({ form }, i) =>
        new Constant(unavailableJson(form, options.unavailable) ?? zeros[i] ?? "null"),
    );
  }

  /** @throws MillraceError of class `row`. */
  write(row: Row, leftOut: LeftOut, out: ByteWriter): void {
    if (this.#indexes.length === 0) return out.constant(EMPTY);
    const start = out.length;
    let i = 0;
    try {
      for (; i < this.#indexes.length; i++) {
        const value = row[this.#indexes[i] ?? 0] ?? null;
        if (value === UNCHANGED) this.#leftOut(i, leftOut, out);
        else {
          out.constant(this.#names[i] ?? EMPTY);
          if (value === null) out.constant(NULL);
          else this.#writers[i]?.(value, out);
        }
      }
    } catch (thrown) {
      throw refusedColumn(thrown, this.#columns[i]?.column.name ?? "");
    }
    if (out.length === start) out.constant(EMPTY);
    else {
      this.#mendStart(start, out);
      out.byte(CLOSE);
    }
  }

  /** As {@link JsonRow.write} does with the row that the line is. @throws MillraceError of class `row`. */
  writeLine(fields: LineFields, out: ByteWriter): void {
    let i = 0;
    try {
      for (; i < this.#indexes.length; i++) {
        const index = this.#indexes[i] ?? 0;
        out.constant(this.#names[i] ?? EMPTY);
        if (fields.isNull(index)) out.constant(NULL);
        else this.#lineWriters[i]?.(fields, index, out);
      }
    } catch (thrown) {
      throw refusedColumn(thrown, this.#columns[i]?.column.name ?? "");
    }
    if (i === 0) out.constant(EMPTY);
    else out.byte(CLOSE);
  }

  #leftOut(i: number, leftOut: LeftOut, out: ByteWriter): void {
    if (leftOut === "nothing") return;
    out.constant(this.#names[i] ?? EMPTY);
    out.constant((leftOut === "null" ? this.#zeros[i] : this.#placeholders[i]) ?? NULL);
  }

  /** Where the first column was left out the second one has begun with a comma. */
  #mendStart(start: number, out: ByteWriter): void {
    if (out.buffer[start] === 0x2c) out.buffer[start] = 0x7b;
  }
}
