import type { LogicalType } from "../model/logical-type.ts";
import type { ColumnForm } from "./column-form.ts";
import type { ConnectSchema } from "./connect-schema.ts";
import type { DecimalMode } from "./format.ts";

const REQUIRED = { optional: false } as const;

/** Kafka Connect's decimal: unscaled bytes, the scale in the schema. */
export function decimalSchema(scale: number, precision: number | null): ConnectSchema {
  const digits = precision === null ? {} : { "connect.decimal.precision": String(precision) };
  return {
    type: "bytes",
    ...REQUIRED,
    name: "org.apache.kafka.connect.data.Decimal",
    version: 1,
    parameters: { scale: String(scale), ...digits },
  };
}

/** Debezium's decimal with a scale of its own in each value. */
const VARIABLE: ConnectSchema = {
  type: "struct",
  ...REQUIRED,
  name: "io.debezium.data.VariableScaleDecimal",
  version: 1,
  doc: "Variable scaled decimal",
  fields: [
    { name: "scale", schema: { type: "int32", ...REQUIRED } },
    { name: "value", schema: { type: "bytes", ...REQUIRED } },
  ],
};

/** `decimal.handling.mode`. What the mode has no word for (NaN in `precise`) is refused by the writer. */
export function decimalForm(
  { precision, scale }: Extract<LogicalType, { kind: "decimal" }>,
  mode: DecimalMode,
): ColumnForm {
  if (mode === "string") return { kind: "text", schema: { type: "string", ...REQUIRED } };
  if (mode === "double") return { kind: "float", schema: { type: "float64", ...REQUIRED } };
  if (scale === null) return { kind: "variable-decimal", schema: VARIABLE };
  return { kind: "decimal", scale, schema: decimalSchema(scale, precision) };
}
