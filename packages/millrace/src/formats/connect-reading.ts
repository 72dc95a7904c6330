import type { LogicalType } from "../model/logical-type.ts";
import { UNCHANGED, type Value } from "../model/value.ts";
import { textOf } from "./value-text.ts";
import { decimalText } from "./decimal.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { JsonObject } from "./json-object.ts";
import { jsonText, NumberText, type JsonRead } from "./json-reader.ts";
import {
  dateOfDays,
  dateOfIso,
  intervalOfIso,
  timeOfIso,
  timeOfMicros,
  timestampOfIso,
  timestampOfMicros,
} from "./read-temporal.ts";
import { decimalWriter, writeZonedTimestamp } from "./written-values.ts";

/** A value is not what its schema says. */
export class OtherValue extends Error {}

/** How a field of a schema is read. */
export interface FieldReading {
  readonly type: LogicalType;
  readonly sourceType: string;
  readonly read: (value: JsonRead) => Value;
  /** Values of this form are already what they are read as; absent where something has to be made of them. */
  readonly form?: ReadForm;
  /** The same of a string of ASCII without escapes, straight from its bytes; false leaves it to `read`. */
  readonly write?: WriteValue;
}

/** See {@link FieldReading.form}; each reads nothing but its own form, and null. */
export type ReadForm = "text" | "integer" | "number" | "boolean";

/** See {@link FieldReading.write}. */
export type WriteValue = (
  bytes: Uint8Array,
  start: number,
  end: number,
  out: ByteWriter,
) => boolean;

/** What a schema in a message says of a field. */
interface FieldSchema {
  readonly type: string;
  readonly name: string;
  readonly parameters: JsonObject;
  readonly items: JsonRead;
}

/** How to read a field by its schema; what is not known is read as JSON. */
export function readingOf(schema: JsonRead): FieldReading {
  if (!(schema instanceof JsonObject)) throw new OtherValue();
  const parameters = schema.get("parameters");
  const field: FieldSchema = {
    type: textIn(schema.get("type")),
    name: textIn(schema.get("name") ?? ""),
    parameters: parameters instanceof JsonObject ? parameters : JsonObject.of([]),
    items: schema.get("items") ?? null,
  };
  return byName(field) ?? byType(field);
}

function textIn(value: JsonRead | undefined): string {
  if (typeof value === "string") return value;
  throw new OtherValue();
}

/** Numbers of so few digits have one way to be written. */
const SAFE_DIGITS = 15;

/** A whole number, to its last digit. */
function integerOf(value: JsonRead): bigint {
  const text = value instanceof NumberText ? value.text : value;
  if (typeof text === "string" && /^-?\d{1,40}$/.test(text)) return BigInt(text);
  throw new OtherValue();
}

/** The same as text. Hot: most numbers are written as they are printed. */
function integerText(value: JsonRead): string {
  if (value instanceof NumberText && value.isInteger && value.text.length <= SAFE_DIGITS)
    return value.text === "-0" ? "0" : value.text;
  return String(integerOf(value));
}

function numberText(value: JsonRead): string {
  if (value instanceof NumberText) return value.text;
  if (typeof value === "string" && /^(?:NaN|-?Infinity|-?\d.*)$/.test(value)) return value;
  throw new OtherValue();
}

function bytesOf(value: JsonRead): Uint8Array {
  return Uint8Array.from(Buffer.from(textIn(value), "base64"));
}

function booleanIn(value: JsonRead): boolean {
  if (typeof value === "boolean") return value;
  throw new OtherValue();
}

const FORMS: ReadonlyMap<FieldReading["read"], ReadForm> = new Map<FieldReading["read"], ReadForm>([
  [textIn, "text"],
  [integerText, "integer"],
  [numberText, "number"],
  [booleanIn, "boolean"],
]);

function known<T>(value: T | null): T {
  if (value === null) throw new OtherValue();
  return value;
}

function reading(
  type: LogicalType,
  read: (value: JsonRead) => Value,
  sourceType?: string,
): FieldReading {
  const form = FORMS.get(read);
  return {
    type,
    sourceType: sourceType ?? type.kind,
    read,
    ...(form === undefined ? {} : { form }),
  };
}

const TIMES: Readonly<Record<string, { readonly us: bigint; readonly precision: number }>> = {
  "io.debezium.time.Time": { us: 1_000n, precision: 3 },
  "org.apache.kafka.connect.data.Time": { us: 1_000n, precision: 3 },
  "io.debezium.time.MicroTime": { us: 1n, precision: 6 },
};
const TIMESTAMPS: typeof TIMES = {
  "io.debezium.time.Timestamp": { us: 1_000n, precision: 3 },
  "org.apache.kafka.connect.data.Timestamp": { us: 1_000n, precision: 3 },
  "io.debezium.time.MicroTimestamp": { us: 1n, precision: 6 },
};
const PG_INFINITY = 9_223_372_036_825_200_000n;
const PG_MINUS_INFINITY = -9_223_372_036_832_400_000n;

/** Infinity is the same number in every unit. */
function inMicros(value: bigint, unit: bigint): bigint {
  return value === PG_INFINITY || value === PG_MINUS_INFINITY ? value : value * unit;
}

/** Fields with a meaning; null where it is not known. */
function byName({ name, parameters }: FieldSchema): FieldReading | null {
  const time = TIMES[name];
  if (time !== undefined)
    return reading({ kind: "time", precision: time.precision }, (value) =>
      timeOfMicros(integerOf(value) * time.us),
    );
  const stamp = TIMESTAMPS[name];
  if (stamp !== undefined)
    return reading({ kind: "timestamp", precision: stamp.precision }, (value) =>
      timestampOfMicros(inMicros(integerOf(value), stamp.us)),
    );
  return byTemporalName(name) ?? byDataName(name, parameters);
}

function byTemporalName(name: string): FieldReading | null {
  switch (name) {
    case "io.debezium.time.Date":
    case "org.apache.kafka.connect.data.Date":
      return reading({ kind: "date" }, (value) => dateOfDays(integerOf(value)));
    case "io.debezium.time.NanoTime":
      return reading({ kind: "time", precision: 6 }, (value) =>
        timeOfMicros(integerOf(value) / 1_000n),
      );
    case "io.debezium.time.NanoTimestamp":
      return reading({ kind: "timestamp", precision: 6 }, (value) =>
        timestampOfMicros(floored(integerOf(value), 1_000n)),
      );
    case "io.debezium.time.IsoDate":
      return reading({ kind: "date" }, (value) => known(dateOfIso(textIn(value))));
    case "io.debezium.time.IsoTime":
      return reading({ kind: "time", precision: 6 }, (value) =>
        known(timeOfIso(textIn(value), false)),
      );
    case "io.debezium.time.IsoTimestamp":
      return reading({ kind: "timestamp", precision: 6 }, (value) =>
        known(timestampOfIso(textIn(value), false)),
      );
    case "io.debezium.time.ZonedTime":
      return reading({ kind: "timetz", precision: 6 }, (value) =>
        known(timeOfIso(textIn(value), true)),
      );
    case "io.debezium.time.ZonedTimestamp":
      return zonedTimestampReading();
    case "io.debezium.time.Interval":
      return reading({ kind: "interval" }, (value) => known(intervalOfIso(textIn(value))));
    case "io.debezium.time.MicroDuration":
      return reading({ kind: "interval" }, (value) => timeOfMicros(integerOf(value)));
    default:
      return null;
  }
}

function zonedTimestampReading(): FieldReading {
  const read = (value: JsonRead): string => known(timestampOfIso(textIn(value), true));
  return { ...reading({ kind: "timestamptz", precision: 6 }, read), write: writeZonedTimestamp };
}

function floored(value: bigint, unit: bigint): bigint {
  const rest = ((value % unit) + unit) % unit;
  const infinite = value === PG_INFINITY || value === PG_MINUS_INFINITY;
  return infinite ? value : (value - rest) / unit;
}

function byDataName(name: string, parameters: JsonObject): FieldReading | null {
  switch (name) {
    case "io.debezium.time.Year":
      return reading({ kind: "int", bits: 16 }, integerText);
    case "io.debezium.data.Uuid":
      return reading({ kind: "uuid" }, textIn);
    case "io.debezium.data.Json":
      return reading({ kind: "jsonb" }, textIn);
    case "io.debezium.data.Xml":
      return reading({ kind: "other", name: "xml" }, textIn, "xml");
    case "org.apache.kafka.connect.data.Decimal":
      return decimalReading(parameters);
    case "io.debezium.data.VariableScaleDecimal":
      return reading({ kind: "decimal", precision: null, scale: null }, variableDecimal);
    default:
      return null;
  }
}

/** No database has more digits on either side; and what a message says must not fill the memory (I10). */
const MAX_SCALE = 131_072;

function scaleIn(text: string): number {
  const scale = Number(text);
  if (Number.isInteger(scale) && Math.abs(scale) <= MAX_SCALE) return scale;
  throw new OtherValue();
}

function decimalReading(parameters: JsonObject): FieldReading {
  const scale = scaleIn(textIn(parameters.get("scale")));
  const digits = parameters.get("connect.decimal.precision");
  const precision = typeof digits === "string" ? Number(digits) : null;
  // Without a precision a scale alone says nothing that a database could be told.
  const type: LogicalType = {
    kind: "decimal",
    precision,
    scale: precision === null ? null : scale,
  };
  // A converter with `decimal.format: NUMERIC` writes the number itself.
  const read = (value: JsonRead): string =>
    typeof value === "string" ? decimalText(bytesOf(value), scale) : numberText(value);
  return { ...reading(type, read), write: decimalWriter(scale) };
}

function variableDecimal(value: JsonRead): string {
  if (!(value instanceof JsonObject)) throw new OtherValue();
  const scale = value.get("scale");
  return decimalText(
    bytesOf(value.get("value") ?? null),
    scaleIn(scale === undefined || scale === null ? "0" : integerText(scale)),
  );
}

function byType({ type, items }: FieldSchema): FieldReading {
  switch (type) {
    case "boolean":
      return reading({ kind: "boolean" }, booleanIn);
    case "int8":
    case "int16":
      return reading({ kind: "int", bits: 16 }, integerText);
    case "int32":
      return reading({ kind: "int", bits: 32 }, integerText);
    case "int64":
      return reading({ kind: "int", bits: 64 }, integerText);
    case "float":
    case "float32":
      return reading({ kind: "float", bits: 32 }, numberText);
    case "double":
    case "float64":
      return reading({ kind: "float", bits: 64 }, numberText);
    case "string":
      return reading({ kind: "text", maxChars: null }, textIn);
    case "bytes":
      return reading({ kind: "bytes", maxBytes: null }, bytesOf);
    case "array":
      return arrayReading(items);
    default:
      return reading({ kind: "jsonb" }, jsonText);
  }
}

/** PostgreSQL's names of what may stand in an array. */
const NAMES: Readonly<Record<string, string>> = {
  boolean: "boolean",
  int: "bigint",
  float: "double precision",
  text: "text",
  uuid: "uuid",
  date: "date",
  time: "time without time zone",
  timestamp: "timestamp without time zone",
  timestamptz: "timestamp with time zone",
  decimal: "numeric",
  bytes: "bytea",
  jsonb: "jsonb",
};

/** An array of what databases have arrays of; else JSON. */
function arrayReading(items: JsonRead): FieldReading {
  const inner = readingOf(items);
  const name = NAMES[inner.type.kind];
  if (name === undefined) return reading({ kind: "jsonb" }, jsonText);
  const type: LogicalType = { kind: "other", name: `${name}[]` };
  const read = (value: JsonRead): string => {
    if (!Array.isArray(value)) throw new OtherValue();
    return `{${(value as readonly JsonRead[]).map((each) => elementText(each, inner)).join(",")}}`;
  };
  return reading(type, read, `${name}[]`);
}

function elementText(value: JsonRead, { read }: FieldReading): string {
  if (value === null) return "NULL";
  const text = textOf(read(value));
  if (/^[\w.+:-]+$/.test(text) && text.toUpperCase() !== "NULL") return text;
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Whether a value is Debezium's word for one that nobody has. */
export function isUnavailable(value: JsonRead, word: string, wordBytes: string): boolean {
  if (typeof value === "string") return value === word || value === wordBytes;
  return Array.isArray(value) && value.length === 1 && value[0] === word;
}

/** A field's value; null where it is so. */
export function valueOf(
  value: JsonRead,
  { read }: FieldReading,
  isGone: (value: JsonRead) => boolean,
): Value {
  if (value === null) return null;
  return isGone(value) ? UNCHANGED : read(value);
}
