import type { LogicalType } from "../model/logical-type.ts";
import type { Value } from "../model/value.ts";

/** A type with values in canonical form that every sink should give back as they are. */
export interface TypeSample {
  /** Name of a column of this type. */
  readonly column: string;
  readonly type: LogicalType;
  readonly sourceType: string;
  readonly values: readonly Value[];
}

/** One sample per kind of logical type, with the values that go wrong most easily. */
export const TYPE_SAMPLES: readonly TypeSample[] = [
  { column: "c_bool", type: { kind: "boolean" }, sourceType: "boolean", values: [true, false] },
  {
    column: "c_int2",
    type: { kind: "int", bits: 16 },
    sourceType: "smallint",
    values: ["-32768", "32767", "0"],
  },
  {
    column: "c_int8",
    type: { kind: "int", bits: 64 },
    sourceType: "bigint",
    values: ["-9223372036854775808", "9223372036854775807", "0"],
  },
  {
    column: "c_float4",
    type: { kind: "float", bits: 32 },
    sourceType: "real",
    values: ["1.5", "NaN", "Infinity", "-Infinity", "-0", "1e-37"],
  },
  {
    column: "c_float8",
    type: { kind: "float", bits: 64 },
    sourceType: "double precision",
    values: ["0.1", "5e-324", "1.7976931348623157e+308", "NaN", "-0"],
  },
  {
    column: "c_dec",
    type: { kind: "decimal", precision: 20, scale: 4 },
    sourceType: "numeric(20,4)",
    values: ["9999999999999999.9999", "-0.0001", "10.5000", "NaN"],
  },
  {
    column: "c_text",
    type: { kind: "text", maxChars: null },
    sourceType: "text",
    values: ["", "NULL", "\\N", 'it\'s "quoted" \\ {a,b}', "line\nbreak\ttab\r", "漢字 🚀 é", "  "],
  },
  {
    column: "c_varchar",
    type: { kind: "text", maxChars: 10 },
    sourceType: "character varying(10)",
    values: ["", "🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀"],
  },
  {
    column: "c_char",
    type: { kind: "text", maxChars: 4, fixed: true },
    sourceType: "character(4)",
    values: ["ab  ", "    ", "abcd"],
  },
  {
    column: "c_bytes",
    type: { kind: "bytes", maxBytes: null },
    sourceType: "bytea",
    values: [new Uint8Array(0), new Uint8Array([0, 1, 92, 39, 255])],
  },
  {
    column: "c_date",
    type: { kind: "date" },
    sourceType: "date",
    values: ["2024-02-29", "infinity", "-infinity", "0044-03-15 BC"],
  },
  {
    column: "c_time",
    type: { kind: "time", precision: 6 },
    sourceType: "time without time zone",
    values: ["00:00:00", "24:00:00", "23:59:59.999999"],
  },
  {
    column: "c_timetz",
    type: { kind: "timetz", precision: 6 },
    sourceType: "time with time zone",
    values: ["12:30:00+05:30", "23:59:59.999999-12"],
  },
  {
    column: "c_ts",
    type: { kind: "timestamp", precision: 6 },
    sourceType: "timestamp without time zone",
    values: ["2024-02-29 12:00:00.000001", "infinity", "0044-03-15 12:00:00 BC"],
  },
  {
    column: "c_tstz",
    type: { kind: "timestamptz", precision: 6 },
    sourceType: "timestamp with time zone",
    values: ["2024-02-29 12:00:00.000001+00", "-infinity", "0044-03-15 12:00:00+00 BC"],
  },
  {
    column: "c_interval",
    type: { kind: "interval" },
    sourceType: "interval",
    values: ["1 year 2 mons -3 days +04:05:06.789", "-00:00:01"],
  },
  {
    column: "c_uuid",
    type: { kind: "uuid" },
    sourceType: "uuid",
    values: ["00112233-4455-6677-8899-aabbccddeeff"],
  },
  {
    column: "c_json",
    type: { kind: "json" },
    sourceType: "json",
    values: ['{"a" :  1.50, "a":2}', "null", '"x"'],
  },
  {
    column: "c_jsonb",
    type: { kind: "jsonb" },
    sourceType: "jsonb",
    values: ['{"a": 1.50, "b": [1, null]}', "null"],
  },
  {
    column: "c_array",
    type: { kind: "other", name: "integer[]" },
    sourceType: "integer[]",
    values: ["{1,NULL,3}", "{}", "{{1,2},{3,4}}"],
  },
  {
    column: "c_range",
    type: { kind: "other", name: "int4range" },
    sourceType: "int4range",
    values: ["[1,5)", "empty", "(,)"],
  },
];
