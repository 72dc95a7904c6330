/** Types of Kafka Connect. */
export type ConnectType =
  | "int16"
  | "int32"
  | "int64"
  | "float32"
  | "float64"
  | "boolean"
  | "string"
  | "bytes"
  | "array"
  | "map"
  | "struct";

/** A schema as Kafka Connect has it: what its JSON converter writes beside a value, and what Avro is made of. */
export interface ConnectSchema {
  readonly type: ConnectType;
  readonly optional: boolean;
  /** The meaning, `io.debezium.time.Date`; of a struct its own name. */
  readonly name?: string;
  readonly version?: number;
  readonly doc?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly default?: string | number | boolean;
  readonly fields?: readonly ConnectField[];
  readonly items?: ConnectSchema;
  readonly keys?: ConnectSchema;
  readonly values?: ConnectSchema;
}

/** A field of a struct. */
export interface ConnectField {
  readonly name: string;
  readonly schema: ConnectSchema;
}

/** The same schema for a value that may be null, or not. */
export function optional(schema: ConnectSchema, isOptional: boolean): ConnectSchema {
  return schema.optional === isOptional ? schema : { ...schema, optional: isOptional };
}

/** Kafka Connect's JSON converter has names of its own for these. */
const JSON_NAMES: Partial<Readonly<Record<ConnectType, string>>> = {
  float32: "float",
  float64: "double",
};

/** What Kafka Connect's JSON converter writes, in its order of members. */
export function schemaJson(schema: ConnectSchema, field?: string): object {
  const { type, fields, items, keys, values, name, version, doc, parameters } = schema;
  return {
    type: JSON_NAMES[type] ?? type,
    ...(fields === undefined
      ? {}
      : { fields: fields.map((each) => schemaJson(each.schema, each.name)) }),
    ...(items === undefined ? {} : { items: schemaJson(items) }),
    ...(keys === undefined ? {} : { keys: schemaJson(keys) }),
    ...(values === undefined ? {} : { values: schemaJson(values) }),
    optional: schema.optional,
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(doc === undefined ? {} : { doc }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    ...(field === undefined ? {} : { field }),
  };
}
