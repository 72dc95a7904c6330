/** The small part of JSON Schema that the control port's bodies need: told to readers, and held against what they send. */
import { isFields } from "../json.ts";

/** A schema, as OpenAPI has it. */
export type Schema = ObjectSchema | ValueSchema | { readonly oneOf: readonly ObjectSchema[] };

/** An object whose members are all named. */
export interface ObjectSchema {
  readonly type: "object";
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties: Readonly<Record<string, ValueSchema>>;
  readonly additionalProperties: false;
}

/** One value. */
export interface ValueSchema {
  readonly type: "string" | "integer" | "array";
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly items?: { readonly type: "string" };
}

/** What is wrong with a value; undefined where nothing is. */
export function problemWith(value: unknown, schema: Schema): string | undefined {
  if ("oneOf" in schema) return problemWithOneOf(value, schema.oneOf);
  if (schema.type !== "object") return problemWithValue(value, schema, "the value");
  return problemWithObject(value, schema);
}

/** They are told apart by their member `kind`. */
function problemWithOneOf(value: unknown, schemas: readonly ObjectSchema[]): string | undefined {
  const kindOf = (schema: ObjectSchema): string => schema.properties["kind"]?.enum?.[0] ?? "";
  const kind = isFields(value) ? value["kind"] : undefined;
  const schema = schemas.find((each) => kindOf(each) === kind);
  if (schema === undefined) return `kind must be one of ${schemas.map(kindOf).join(", ")}`;
  return problemWithObject(value, schema);
}

function problemWithObject(value: unknown, schema: ObjectSchema): string | undefined {
  if (!isFields(value)) return "a JSON object is expected";
  const missing = schema.required?.find((name) => value[name] === undefined);
  if (missing !== undefined) return `${missing} is missing`;
  for (const [name, member] of Object.entries(value)) {
    const expected = schema.properties[name];
    if (expected === undefined) return `${name} is not known here`;
    const problem = problemWithValue(member, expected, name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function problemWithValue(value: unknown, schema: ValueSchema, name: string): string | undefined {
  switch (schema.type) {
    case "integer":
      if (typeof value !== "number" || !Number.isInteger(value))
        return `${name} must be a whole number`;
      return value < (schema.minimum ?? -Infinity)
        ? `${name} must be at least ${schema.minimum}`
        : undefined;
    case "array":
      return Array.isArray(value) && value.every((each) => typeof each === "string")
        ? undefined
        : `${name} must be a list of texts`;
    case "string":
      if (typeof value !== "string") return `${name} must be a text`;
      return schema.enum?.includes(value) === false
        ? `${name} must be one of ${schema.enum.join(", ")}`
        : undefined;
  }
}
