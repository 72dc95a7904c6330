import { MillraceError } from "../../errors/millrace-error.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { Skimmed, type Row, type UNCHANGED, type Value } from "../../model/value.ts";

/** How rows of a message's shape become rows of the table's: column by column, by name. */
export interface RowFit {
  readonly shape: TableShape;
  /** Of columns that the message does not have, the value is `absent`. */
  readonly row: (row: Row, absent: null | typeof UNCHANGED) => Row;
}

/**
 * Pure: fits rows of `from` to the table's shape. A column of another type than the table's keeps its value as text; one
 * that the column cannot take is refused by the sink and becomes a dead letter (I1).
 */
export function fitRows(from: TableShape, shape: TableShape, maxValueBytes: number): RowFit {
  const columns = shape.columns.map((column) => {
    const index = from.columns.findIndex(({ name }) => name === column.name);
    const given = from.columns[index];
    return { index, read: given === undefined ? null : conversion(given, column, shape) };
  });
  const isSame =
    columns.length === from.columns.length &&
    columns.every(({ index, read }, at) => index === at && read === null);
  const fit = (value: Value): Value => skimmed(value, maxValueBytes);
  return {
    shape,
    row: (row, absent) =>
      isSame
        ? hasLarge(row, maxValueBytes)
          ? row.map(fit)
          : row
        : columns.map(({ index, read }) => {
            if (index < 0) return absent;
            const value = row[index] ?? null;
            return fit(read === null ? value : read(value));
          }),
  };
}

/** Null where values are as the column has them. */
function conversion(from: Column, to: Column, shape: TableShape): ((value: Value) => Value) | null {
  if (from.type.kind === to.type.kind) return null;
  if (isBytes(from.type) !== isBytes(to.type))
    throw new MillraceError(
      "MR_SCHEMA_CHANGE_REFUSED",
      `messages of ${shape.id} have column "${to.name}" as ${from.sourceType} now, and it was ${to.sourceType}`,
    );
  return (value) =>
    typeof value === "boolean" && to.type.kind !== "boolean" ? String(value) : value;
}

function isBytes({ kind }: LogicalType): boolean {
  return kind === "bytes";
}

/** Hot: per row. */
function hasLarge(row: Row, maxValueBytes: number): boolean {
  for (let at = 0; at < row.length; at++) if (isLarge(row[at] ?? null, maxValueBytes)) return true;
  return false;
}

function isLarge(value: Value, maxValueBytes: number): boolean {
  return (typeof value === "string" || value instanceof Uint8Array) && value.length > maxValueBytes;
}

/** A value that the sink could never take: only its size goes on, its row becomes a dead letter. */
function skimmed(value: Value, maxValueBytes: number): Value {
  if (!isLarge(value, maxValueBytes)) return value;
  const { length } = value as string | Uint8Array;
  return new Skimmed(length);
}
