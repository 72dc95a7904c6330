import type { ConnectSchema } from "./connect-schema.ts";

/** An Avro schema, as JSON has it. */
export type AvroSchema =
  | string
  | readonly AvroSchema[]
  | { readonly [key: string]: string | number | object | null };

const PRIMITIVES = {
  int16: "int",
  int32: "int",
  int64: "long",
  float32: "float",
  float64: "double",
  boolean: "boolean",
  string: "string",
  bytes: "bytes",
} as const;

/** What Avro calls Kafka Connect's own meanings. */
const LOGICAL: Readonly<Record<string, string>> = {
  "org.apache.kafka.connect.data.Decimal": "decimal",
  "org.apache.kafka.connect.data.Date": "date",
  "org.apache.kafka.connect.data.Time": "time-millis",
  "org.apache.kafka.connect.data.Timestamp": "timestamp-millis",
};
/** Confluent's, where nobody says. */
const DEFAULT_PRECISION = 64;

/** A name as Avro allows it: what it does not is an underscore (Debezium's `schema.name.adjustment.mode: avro`). */
export function avroName(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9_]/g, "_");
  return /^[0-9]/.test(safe) || safe === "" ? `_${safe}` : safe;
}

/** Each part of a full name as Avro allows it. */
export function avroFullName(name: string): string {
  return name.split(".").map(avroName).join(".");
}

/** The Avro schema of a schema of Kafka Connect, as Confluent's converter makes it. */
export function avroSchema(schema: ConnectSchema): AvroSchema {
  return make(schema, new Set());
}

/** A record stands once; from then on its name stands for it. */
function make(schema: ConnectSchema, known: Set<string>): AvroSchema {
  const type = required(schema, known);
  if (!schema.optional) return type;
  return schema.default === undefined ? ["null", type] : [type, "null"];
}

function required(schema: ConnectSchema, known: Set<string>): AvroSchema {
  switch (schema.type) {
    case "struct":
      return record(schema, known);
    case "array":
      return described({ type: "array", items: inner(schema.items, known) }, schema);
    case "map":
      return described({ type: "map", values: inner(schema.values, known) }, schema);
    default:
      return primitive(schema, PRIMITIVES[schema.type]);
  }
}

function inner(schema: ConnectSchema | undefined, known: Set<string>): AvroSchema {
  return schema === undefined ? "null" : make(schema, known);
}

function record(schema: ConnectSchema, known: Set<string>): AvroSchema {
  const full = avroFullName(schema.name ?? "ConnectDefault");
  if (known.has(full)) return full;
  known.add(full);
  const at = full.lastIndexOf(".");
  const fields = (schema.fields ?? []).map(({ name, schema: each }) => ({
    name: avroName(name),
    type: make(each, known),
    ...defaultOf(each),
  }));
  const named = {
    type: "record",
    name: full.slice(at + 1),
    ...(at === -1 ? {} : { namespace: full.slice(0, at) }),
    fields,
  };
  return described(named, schema);
}

function defaultOf(schema: ConnectSchema): object {
  if (schema.default !== undefined) return { default: schema.default };
  return schema.optional ? { default: null } : {};
}

function primitive(schema: ConnectSchema, type: string): AvroSchema {
  const isPlain = schema.name === undefined && schema.type !== "int16";
  if (isPlain && schema.default === undefined) return type;
  const more = schema.type === "int16" ? { "connect.type": "int16" } : {};
  return described({ type, ...decimalOf(schema), ...more }, schema);
}

function decimalOf({ name, parameters }: ConnectSchema): object {
  if (name !== "org.apache.kafka.connect.data.Decimal") return {};
  const precision = Number(parameters?.["connect.decimal.precision"] ?? DEFAULT_PRECISION);
  return { scale: Number(parameters?.["scale"] ?? 0), precision };
}

/** What Kafka Connect keeps of its own schema in the one of Avro. */
function described(base: Record<string, unknown>, schema: ConnectSchema): AvroSchema {
  const { version, parameters, name, doc } = schema;
  const logical = LOGICAL[name ?? ""];
  const all = {
    ...base,
    ...(doc === undefined ? {} : { "connect.doc": doc }),
    ...(version === undefined ? {} : { "connect.version": version }),
    ...(parameters === undefined ? {} : { "connect.parameters": parameters }),
    ...(schema.default === undefined ? {} : { "connect.default": schema.default }),
    ...(name === undefined ? {} : { "connect.name": name }),
    ...(logical === undefined ? {} : { logicalType: logical }),
  };
  return all as AvroSchema;
}
