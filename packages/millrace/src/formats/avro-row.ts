import type { TargetTable } from "../model/table.ts";
import { UNCHANGED, type Row } from "../model/value.ts";
import { avroPlaceholder, avroWriter, avroZero, type AvroWriter } from "./avro-values.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { isOptional, type RowColumn } from "./json-row.ts";
import { refusedColumn, RefusedValue } from "./refused-value.ts";

interface Field {
  readonly index: number;
  readonly name: string;
  readonly isOptional: boolean;
  readonly write: AvroWriter;
  readonly placeholder: AvroWriter | null;
  readonly zero: AvroWriter;
}

/** Writes rows of a table as an Avro record. Hot: one call per column. */
export class AvroRow {
  readonly #fields: readonly Field[];

  /** `isKey`: no field is optional. */
  constructor(
    table: TargetTable,
    columns: readonly RowColumn[],
    unavailable: string,
    isKey = false,
  ) {
    this.#fields = columns.map((each) => ({
      index: each.index,
      name: each.column.name,
      isOptional: !isKey && isOptional(table, each),
      write: avroWriter(each.form),
      placeholder: avroPlaceholder(each.form.schema, unavailable),
      zero: avroZero(each.form.schema),
    }));
  }

  /** @throws MillraceError of class `row` */
  write(row: Row, leftOut: "placeholder" | "null", out: ByteWriter): void {
    for (const field of this.#fields) {
      try {
        this.#field(field, row, leftOut, out);
      } catch (thrown) {
        throw refusedColumn(thrown, field.name);
      }
    }
  }

  #field(field: Field, row: Row, leftOut: "placeholder" | "null", out: ByteWriter): void {
    const value = row[field.index] ?? null;
    if (value === UNCHANGED) return this.#leftOut(field, leftOut, out);
    if (field.isOptional) {
      if (value === null) return out.byte(0);
      out.byte(2);
    } else if (value === null)
      throw new RefusedValue("NULL, which the table's schema does not allow");
    field.write(value, out);
  }

  #leftOut(field: Field, leftOut: "placeholder" | "null", out: ByteWriter): void {
    const held = leftOut === "placeholder" ? field.placeholder : null;
    if (held === null && field.isOptional) return out.byte(0);
    if (field.isOptional) out.byte(2);
    (held ?? field.zero)(null, out);
  }
}
