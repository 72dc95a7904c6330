import {
  type TableShape,
  tableId,
  type TargetColumn,
  type TargetTable,
} from "../../model/table.ts";

const KEYLESS_COLUMN: TargetColumn = {
  name: "_millrace_key",
  type: "text",
  logical: { kind: "text", maxChars: null },
  nullable: false,
};

/** A table as messages tell it: its own columns, with the names of their logical types. */
export function mapToTopic(
  shape: TableShape,
  target: { readonly schema: string; readonly name: string },
): TargetTable {
  const keyless = shape.key.length === 0;
  const columns = shape.columns.map((column, index): TargetColumn => ({
    name: column.name,
    ...(column.sourceName === undefined ? {} : { sourceName: column.sourceName }),
    type: column.type.kind,
    sourceType: column.sourceType,
    logical: column.type,
    nullable: column.nullable && !shape.key.includes(index),
  }));
  if (keyless) columns.unshift(KEYLESS_COLUMN);
  const key = keyless ? [0] : shape.key;
  const { schema, name } = target;
  return { id: tableId(schema, name), schema, name, columns, key, keyless, from: shape };
}
