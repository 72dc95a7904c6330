import { SINK_KINDS, SOURCE_KINDS } from "./connector-kinds.ts";
import type { ConnectorKind } from "./connector-kinds.ts";
import type { Option, OptionTable } from "./option.ts";
import type { SchemaPart } from "./option-type.ts";
import { PIPELINE_ACCEPTED, PIPELINE_OPTIONS } from "./options/pipeline-options.ts";
import { ROUTE_OPTIONS, TRANSFORM_OPTIONS } from "./rules.ts";
import type { AcceptedKeys } from "./section.ts";

const NOTHING: AcceptedKeys = { keys: {}, prefixes: {} };

/** A JSON Schema of the pipeline file for editors, made from the option tables. The parser knows more than it says. */
export function pipelineJsonSchema(): SchemaPart {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $comment: "Made by packages/millrace/src/cli/write-reference.ts; do not edit it by hand.",
    title: "Millrace pipeline",
    type: "object",
    required: ["source", "sink", "pipeline"],
    additionalProperties: false,
    properties: {
      source: { oneOf: kindSchemas(SOURCE_KINDS) },
      sink: { oneOf: kindSchemas(SINK_KINDS) },
      route: { type: "array", items: objectSchema(ROUTE_OPTIONS, NOTHING) },
      transform: { type: "array", items: objectSchema(TRANSFORM_OPTIONS, NOTHING) },
      pipeline: objectSchema(PIPELINE_OPTIONS, PIPELINE_ACCEPTED, {
        "execution.runtime-mode": { const: "STREAMING" },
      }),
    },
  };
}

function kindSchemas(kinds: Readonly<Record<string, ConnectorKind>>): SchemaPart[] {
  return Object.entries(kinds).map(([kind, { title, options, accepted }]) => ({
    title,
    ...objectSchema(options, accepted, { type: { const: kind, description: title } }, ["type"]),
  }));
}

function objectSchema(
  table: OptionTable,
  { keys, prefixes }: AcceptedKeys,
  extra: Readonly<Record<string, SchemaPart>> = {},
  extraRequired: readonly string[] = [],
): SchemaPart {
  const options = Object.values(table);
  const named = options.flatMap((option) =>
    [option.name, ...(option.aliases ?? [])].map(
      (name) => [name, schemaNamed(name, option)] as const,
    ),
  );
  const ignored = Object.entries(keys).map(
    ([key, why]) => [key, { description: why, deprecated: true }] as const,
  );
  const required = [
    ...extraRequired,
    ...options
      .filter((option) => option.required && option.aliases === undefined)
      .map(({ name }) => name),
  ];
  const patterns = Object.entries(prefixes).map(([prefix, why]) => [
    `^${prefix.replaceAll(".", "\\.")}`,
    { description: why, deprecated: true },
  ]);
  return {
    type: "object",
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: { ...extra, ...Object.fromEntries([...named, ...ignored]) },
    ...(patterns.length === 0
      ? {}
      : { patternProperties: Object.fromEntries(patterns) as SchemaPart }),
  };
}

/** Kafka's names say their unit, and its files write numbers (`request.timeout.ms: 30000`). */
function schemaNamed(name: string, option: Option<unknown>): SchemaPart {
  const schema = optionSchema(option);
  return option.type.name === "duration" && name.endsWith(".ms")
    ? { ...schema, type: ["string", "integer"] }
    : schema;
}

function optionSchema({ type, doc, example, defaultText }: Option<unknown>): SchemaPart {
  return {
    ...type.json,
    description: doc,
    examples: [example],
    ...(defaultText === null ? {} : { default: defaultText }),
  };
}
