import type { ConnectField, ConnectSchema } from "./connect-schema.ts";
import type { EnvelopeOptions } from "./format.ts";

/** Names of schemas as the connector of Trustpilot has them. */
const ENVELOPE_SCHEMA = "com.trustpilot.connector.dynamodb.envelope";
const SOURCE_SCHEMA = "com.trustpilot.connector.dynamodb.source";
const DOCUMENT_SCHEMA = "com.trustpilot.connector.dynamodb.json";

function field(name: string, type: ConnectSchema["type"], optional = false): ConnectField {
  return { name, schema: { type, optional } };
}

function document(optional: boolean): ConnectSchema {
  return { type: "string", optional, name: DOCUMENT_SCHEMA, version: 1 };
}

/** The schema of the envelope, with what the file adds to it. */
export function dynamoEnvelopeSchema({ add }: EnvelopeOptions): ConnectSchema {
  const source: ConnectSchema = {
    type: "struct",
    optional: false,
    name: SOURCE_SCHEMA,
    fields: [
      field("version", "string"),
      field("table_name", "string"),
      field("init_sync", "boolean"),
      field("init_sync_state", "string"),
      field("init_sync_start", "int64"),
      field("init_sync_end", "int64", true),
      field("init_sync_count", "int64", true),
      ...(add.has("position")
        ? [field("shard_id", "string", true), field("sequence_number", "string", true)]
        : []),
      ...(add.has("ttl") ? [field("ttl", "boolean")] : []),
    ],
  };
  return {
    type: "struct",
    optional: false,
    name: ENVELOPE_SCHEMA,
    fields: [
      field("version", "string"),
      { name: "document", schema: document(false) },
      ...(add.has("before") ? [{ name: "before", schema: document(true) }] : []),
      { name: "source", schema: source },
      field("op", "string"),
      field("ts_ms", "int64"),
    ],
  };
}

/** The schema of a record's key: every field is a text. */
export function dynamoKeySchema(name: string, fields: readonly string[]): ConnectSchema {
  return {
    type: "struct",
    optional: false,
    name,
    fields: fields.map((each) => field(each, "string")),
  };
}
