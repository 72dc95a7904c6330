import type { Json } from "../../model/position.ts";
import type { TargetChangeEvent, TargetMark, Write } from "../../model/sink.ts";
import type { TargetTable } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";
import { Skimmed, UNCHANGED } from "../../model/value.ts";

/** One line of a table's file, before it is written as JSON. */
export interface Line {
  readonly table: TargetTable;
  readonly json: { readonly [key: string]: Json };
}

/** The lines of one write. What the log left out (UNCHANGED) is left out of `before` and `after`, too. */
export function linesOf(write: Write): readonly Line[] {
  switch (write.kind) {
    case "changes":
      return write.changes.map(changeLine);
    case "upsert":
    case "insert":
    case "update":
      return write.rows.map((row) =>
        rowLine(write.table, write.kind === "insert" ? "c" : "u", row),
      );
    case "delete":
      return write.keys.map((key) => keyLine(write.table, key));
    case "move":
      return [keyLine(write.table, write.from), rowLine(write.table, "u", write.row)];
    case "delete-equal":
      return [
        {
          table: write.table,
          json: { op: "d", table: write.table.id, before: beforeObject(write.table, write.row) },
        },
      ];
    case "mark":
      return [markLine(write.mark)];
    case "delete-some":
      return [{ table: write.table, json: { op: "truncate", table: write.table.id } }];
  }
}

function changeLine({ table, op, key, before, after, position }: TargetChangeEvent): Line {
  const json = {
    op,
    table: table.id,
    key,
    ...(before === null ? {} : { before: beforeObject(table, before) }),
    ...(after === null ? {} : { after: rowObject(table, after) }),
    position,
  };
  return { table, json };
}

function markLine({ kind, table, position, generation }: TargetMark): Line {
  const json = { op: kind, table: table.id, position };
  return { table, json: kind === "truncate" ? json : { ...json, generation } };
}

function rowLine(table: TargetTable, op: string, row: Row): Line {
  return {
    table,
    json: { op, table: table.id, key: keyObject(table, row), after: rowObject(table, row) },
  };
}

function keyLine(table: TargetTable, row: Row): Line {
  return { table, json: { op: "d", table: table.id, key: keyObject(table, row) } };
}

function keyObject(table: TargetTable, row: Row): { [column: string]: Json } {
  return objectOf(table, row, table.key);
}

function rowObject(table: TargetTable, row: Row): { [column: string]: Json } {
  return objectOf(table, row, [...table.columns.keys()]);
}

/** Under which `_millrace_key` the old row of a table without key stands nobody knows. */
function beforeObject(table: TargetTable, row: Row): { [column: string]: Json } {
  const indexes = [...table.columns.keys()];
  return objectOf(
    table,
    row,
    table.keyless ? indexes.filter((index) => !table.key.includes(index)) : indexes,
  );
}

function objectOf(
  table: TargetTable,
  row: Row,
  indexes: readonly number[],
): { [column: string]: Json } {
  const object: { [column: string]: Json } = {};
  for (const index of indexes) {
    const column = table.columns[index];
    const value = row[index];
    if (column !== undefined && value !== undefined && value !== UNCHANGED)
      object[column.name] = jsonValue(value);
  }
  return object;
}

/** Numbers stay text, as they are in the row: JSON's numbers would lose digits. */
function jsonValue(value: Exclude<Value, typeof UNCHANGED>): Json {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Skimmed) return { skimmedBytes: value.bytes };
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return value;
}
