import type { SourceBlock, SourceField } from "../model/source-block.ts";
import type { TargetTable } from "../model/table.ts";
import type { ConnectField, ConnectSchema, ConnectType } from "./connect-schema.ts";
import { optional } from "./connect-schema.ts";
import { isOptional, type RowColumn } from "./json-row.ts";

/** Names of a table's schemas: `<server>.<schema>.<table>` and what they are of. */
export function schemaName(
  serverName: string,
  { schema, name }: Pick<TargetTable, "schema" | "name">,
  of: "Key" | "Value" | "Envelope",
): string {
  return [serverName, schema, name, of].filter((part) => part !== "").join(".");
}

/** The schema of a table's rows. */
export function rowSchema(
  table: TargetTable,
  columns: readonly RowColumn[],
  serverName: string,
): ConnectSchema {
  return {
    type: "struct",
    optional: true,
    name: schemaName(serverName, table, "Value"),
    fields: columns.map((each) => ({
      name: each.column.name,
      schema: optional(each.form.schema, isOptional(table, each)),
    })),
  };
}

function field(name: string, type: ConnectType, isNullable: boolean): ConnectField {
  return { name, schema: { type, optional: isNullable } };
}

/** `transaction` of the envelope: where in its transaction an event is. */
const TRANSACTION_BLOCK: ConnectSchema = {
  type: "struct",
  optional: true,
  name: "event.block",
  version: 1,
  fields: [
    field("id", "string", false),
    field("total_order", "int64", false),
    field("data_collection_order", "int64", false),
  ],
};

/** The schema of Debezium's envelope around a table's rows, in its version 2. */
export function envelopeSchema(
  table: TargetTable,
  columns: readonly RowColumn[],
  block: SourceBlock,
): ConnectSchema {
  const row = rowSchema(table, columns, block.serverName);
  return {
    type: "struct",
    optional: false,
    name: schemaName(block.serverName, table, "Envelope"),
    version: 2,
    fields: [
      { name: "before", schema: row },
      { name: "after", schema: row },
      { name: "source", schema: sourceSchema(block) },
      { name: "transaction", schema: TRANSACTION_BLOCK },
      field("op", "string", false),
      field("ts_ms", "int64", true),
      field("ts_us", "int64", true),
      field("ts_ns", "int64", true),
    ],
  };
}

/** The schema of a source's block. */
export function sourceSchema(block: SourceBlock): ConnectSchema {
  return {
    type: "struct",
    optional: false,
    name: block.schemaName,
    version: 1,
    fields: block.fields.map((each) => ({ name: each.name, schema: sourceFieldSchema(each) })),
  };
}

function sourceFieldSchema(each: SourceField): ConnectSchema {
  const { type, allowed } = each;
  return {
    type,
    optional: each.optional,
    ...(allowed === undefined
      ? {}
      : {
          name: "io.debezium.data.Enum",
          version: 1,
          parameters: { allowed: allowed.join(",") },
        }),
    ...(each.default === undefined ? {} : { default: each.default }),
  };
}
