import type { LogicalType } from "../model/logical-type.ts";
import { bytesForm } from "./bytes-forms.ts";
import type { ColumnForm, FormColumn } from "./column-form.ts";
import type { ConnectSchema, ConnectType } from "./connect-schema.ts";
import type { ValueOptions } from "./format.ts";
import { isoDate, isoTimestamp, zonedTimestamp } from "./temporal.ts";
import { elementType } from "./type-name.ts";

function schema(type: ConnectType): ConnectSchema {
  return { type, optional: false };
}

const TEXT: ColumnForm = { kind: "text", schema: schema("string") };

function string(text: (value: string) => string): ColumnForm {
  return { kind: "string", schema: schema("string"), text };
}

/**
 * What a reader who knows nothing of Debezium expects: numbers, ISO texts, and a text for whatever JSON would lose. So
 * decimals are texts, unless `decimal.handling.mode` says `double`; intervals, ranges and what else has no form in JSON
 * are the source's own text.
 */
export function plainForm({ logical }: FormColumn, options: ValueOptions): ColumnForm {
  switch (logical.kind) {
    case "boolean":
      return { kind: "boolean", schema: schema("boolean") };
    case "int":
      return { kind: "integer", max: null, schema: schema("int64") };
    case "float":
      return { kind: "float", schema: schema("float64") };
    case "decimal":
      return options.decimal === "double" ? { kind: "float", schema: schema("float64") } : TEXT;
    case "bytes":
      return bytesForm("", options.binary);
    case "date":
      return string(isoDate);
    case "timestamp":
      return string((value) => isoTimestamp(value, 0));
    case "timestamptz":
      return {
        kind: "string",
        schema: schema("string"),
        text: (value) => zonedTimestamp(value, 0),
        zonedDigits: 0,
      };
    case "other":
      return arrayForm(logical, options);
    default:
      return TEXT;
  }
}

function arrayForm(
  { name }: Extract<LogicalType, { kind: "other" }>,
  options: ValueOptions,
): ColumnForm {
  const element = elementType(name);
  if (element === null) return TEXT;
  const items = plainForm({ logical: element }, options);
  return { kind: "array", items, schema: { ...schema("array"), items: items.schema } };
}
