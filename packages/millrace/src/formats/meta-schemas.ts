import type { SourceBlock } from "../model/source-block.ts";
import type { ConnectField, ConnectSchema, ConnectType } from "./connect-schema.ts";
import { sourceSchema } from "./envelope-schema.ts";

/*
 * Schemas of messages beside those of tables, as Debezium has them; where messages have their schema in them, these have it too.
 */

/** Of key and value. */
export interface MessageSchemas {
  readonly key: ConnectSchema;
  readonly value: ConnectSchema;
}

function field(name: string, type: ConnectType, optional = false): ConnectField {
  return { name, schema: { type, optional } };
}

function struct(
  name: string | null,
  fields: readonly ConnectField[],
  optional = false,
): ConnectSchema {
  return { type: "struct", fields, optional, ...(name === null ? {} : { name, version: 1 }) };
}

function array(name: string, items: ConnectSchema, optional = false): ConnectField {
  return { name, schema: { type: "array", items, optional } };
}

const COMMON = "io.debezium.connector.common.";
const SHAPES = "io.debezium.connector.schema.";
const TEXT: ConnectSchema = { type: "string", optional: false };

/** Of begins and ends of transactions. */
export const TRANSACTION_SCHEMAS: MessageSchemas = {
  key: struct(`${COMMON}TransactionMetadataKey`, [field("id", "string")]),
  value: struct(`${COMMON}TransactionMetadataValue`, [
    field("status", "string"),
    field("id", "string"),
    field("event_count", "int64", true),
    array(
      "data_collections",
      struct(
        "event.collection",
        [field("data_collection", "string"), field("event_count", "int64")],
        true,
      ),
      true,
    ),
    field("ts_ms", "int64"),
  ]),
};

/** Of heartbeats. */
export const HEARTBEAT_SCHEMAS: MessageSchemas = {
  key: struct(`${COMMON}ServerNameKey`, [field("serverName", "string")]),
  value: struct(`${COMMON}Heartbeat`, [field("ts_ms", "int64")]),
};

const COLUMN = struct(`${SHAPES}Column`, [
  field("name", "string"),
  field("jdbcType", "int32"),
  field("nativeType", "int32", true),
  field("typeName", "string"),
  field("typeExpression", "string", true),
  field("charsetName", "string", true),
  field("length", "int32", true),
  field("scale", "int32", true),
  field("position", "int32"),
  field("optional", "boolean", true),
  field("autoIncremented", "boolean", true),
  field("generated", "boolean", true),
  field("comment", "string", true),
  field("defaultValueExpression", "string", true),
  array("enumValues", TEXT, true),
]);

const TABLE = struct(
  `${SHAPES}Table`,
  [
    field("defaultCharsetName", "string", true),
    array("primaryKeyColumnNames", TEXT, true),
    array("columns", COLUMN),
    field("comment", "string", true),
  ],
  true,
);

const CHANGE = struct(`${SHAPES}Change`, [
  field("type", "string"),
  field("id", "string"),
  { name: "table", schema: TABLE },
]);

/** Of schema changes of a source. */
export function schemaChangeSchemas(block: SourceBlock): MessageSchemas {
  const name = (what: string): string => block.schemaName.replace(/Source$/, what);
  return {
    key: struct(name("SchemaChangeKey"), [field("databaseName", "string")]),
    value: struct(name("SchemaChangeValue"), [
      { name: "source", schema: sourceSchema(block) },
      field("ts_ms", "int64"),
      field("databaseName", "string", true),
      field("schemaName", "string", true),
      field("ddl", "string", true),
      array("tableChanges", CHANGE),
    ]),
  };
}
