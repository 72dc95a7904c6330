import type { TargetChangeEvent } from "../model/sink.ts";
import { tableId, type TargetColumn, type TargetTable } from "../model/table.ts";
import type { LogicalType } from "../model/logical-type.ts";

/** A column of a test's table. */
export function column(
  name: string,
  logical: LogicalType,
  more: Partial<TargetColumn> = {},
): TargetColumn {
  return { name, type: logical.kind, logical, nullable: true, ...more };
}

/** A table whose first column is its key. */
export function table(
  schema: string,
  name: string,
  columns: readonly TargetColumn[],
  more: Partial<TargetTable> = {},
): TargetTable {
  return { id: tableId(schema, name), schema, name, columns, key: [0], keyless: false, ...more };
}

/** A change of a table, an insert unless it says otherwise. */
export function event(
  target: TargetTable,
  more: Partial<TargetChangeEvent> = {},
): TargetChangeEvent {
  return {
    table: target,
    op: "c",
    key: "",
    before: null,
    after: null,
    position: null,
    transaction: null,
    source: target.id,
    counterpart: null,
    ...more,
  };
}

/** Debezium's table of examples. */
export function customers(schema: string, nullable: boolean, bits: 32 | 64 = 32): TargetTable {
  const text = { kind: "text", maxChars: null } as const;
  return table(schema, "customers", [
    column("id", { kind: "int", bits }, { nullable: false }),
    ...["first_name", "last_name", "email"].map((name) => column(name, text, { nullable })),
  ]);
}
