import type { LogicalType } from "../model/logical-type.ts";
import type { ColumnForm, FormColumn } from "./column-form.ts";
import type { ConnectSchema, ConnectType } from "./connect-schema.ts";
import type { BigintUnsignedMode, ValueOptions } from "./format.ts";
import { enumForm, otherForm } from "./debezium-other-forms.ts";
import { intervalMicros, intervalText } from "./interval.ts";
import { decimalForm, decimalSchema } from "./decimal-forms.ts";
import { bytesForm } from "./bytes-forms.ts";
import { temporalForm } from "./temporal-forms.ts";
import { zonedTime, zonedTimestamp } from "./temporal.ts";
import { labelsOf } from "./type-name.ts";

/** A required schema with a meaning. */
export function named(
  type: ConnectType,
  name: string,
  more: Partial<ConnectSchema> = {},
): ConnectSchema {
  return { type, optional: false, name, version: 1, ...more };
}

/** A required schema without one. */
export function plain(type: ConnectType): ConnectSchema {
  return { type, optional: false };
}

/** Of the greatest `bigint unsigned`. */
const BIGINT_DIGITS = 20;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** What Debezium makes of a column, by its options. */
export function debeziumForm(column: FormColumn, options: ValueOptions): ColumnForm {
  const { logical } = column;
  switch (logical.kind) {
    case "boolean":
      return { kind: "boolean", schema: plain("boolean") };
    case "int":
      return intForm(logical, column.sourceType ?? "", options.bigintUnsigned);
    case "float":
      return { kind: "float", schema: plain(logical.bits === 32 ? "float32" : "float64") };
    case "decimal":
      return decimalForm(logical, options.decimal);
    case "text":
      return textForm(column.sourceType ?? "");
    case "bytes":
      return bytesForm(column.sourceType ?? "", options.binary);
    case "uuid":
      return { kind: "text", schema: named("string", "io.debezium.data.Uuid") };
    case "json":
    case "jsonb":
      return { kind: "text", schema: named("string", "io.debezium.data.Json") };
    case "date":
    case "time":
    case "timestamp":
      return temporalForm(logical, options.time);
    case "timetz":
    case "timestamptz":
      return zonedForm(logical);
    case "interval":
      return intervalForm(options);
    case "other":
      return otherForm(logical, options, debeziumForm);
  }
}

function intForm(
  type: Extract<LogicalType, { kind: "int" }>,
  sourceType: string,
  mode: BigintUnsignedMode,
): ColumnForm {
  if (sourceType.startsWith("year"))
    return { kind: "integer", max: null, schema: named("int32", "io.debezium.time.Year") };
  if (type.unsigned === true && type.bits === 64 && mode === "precise")
    return { kind: "decimal", scale: 0, schema: decimalSchema(0, BIGINT_DIGITS) };
  const bits = type.unsigned === true ? type.bits + 1 : type.bits;
  // In this mode Debezium turns what does not fit into a negative number.
  const max = type.unsigned === true && type.bits === 64 ? MAX_INT64 : null;
  const schema = plain(bits <= 16 ? "int16" : bits <= 32 ? "int32" : "int64");
  return { kind: "integer", max, schema };
}

function textForm(sourceType: string): ColumnForm {
  const labels = labelsOf(sourceType);
  if (labels === null) return { kind: "text", schema: plain("string") };
  return enumForm(labels, /^set/i.test(sourceType) ? "EnumSet" : "Enum");
}

function zonedForm(type: Extract<LogicalType, { kind: "timetz" | "timestamptz" }>): ColumnForm {
  if (type.kind === "timetz")
    return {
      kind: "string",
      schema: named("string", "io.debezium.time.ZonedTime"),
      text: zonedTime,
    };
  return {
    kind: "string",
    schema: named("string", "io.debezium.time.ZonedTimestamp"),
    text: (value) => zonedTimestamp(value, type.precision),
    zonedDigits: type.precision,
  };
}

function intervalForm({ interval }: ValueOptions): ColumnForm {
  return interval === "string"
    ? {
        kind: "string",
        schema: named("string", "io.debezium.time.Interval"),
        text: intervalText,
      }
    : {
        kind: "long",
        schema: named("int64", "io.debezium.time.MicroDuration"),
        number: intervalMicros,
      };
}
