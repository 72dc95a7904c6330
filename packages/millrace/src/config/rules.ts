import type { RouteRule, RuleProblem } from "../transform/rules.ts";
import { checkColumnRule, checkRouteRule } from "../transform/rules.ts";
import { defaulting, optional, required } from "./option.ts";
import type { OptionTable } from "./option.ts";
import { secret, tableList, text, words } from "./option-type.ts";
import type { ColumnChoice } from "./pipeline-config.ts";
import type { AcceptedKeys, Findings, Section } from "./section.ts";
import { parseSection } from "./section.ts";
import type { Surroundings } from "./interpolate.ts";
import type { Node } from "./tree.ts";
import { nodeName } from "./tree.ts";

const PATTERN_DOC =
  "Tables that the rule is for: `schema.table` or `database.schema.table`, in the spelling of the source's `tables`.";

/** One entry of `route:`. */
export const ROUTE_OPTIONS = {
  sourceTable: required(tableList, {
    name: "source-table",
    example: "public.\\.*",
    doc: PATTERN_DOC,
  }),
  sinkTable: required(text, {
    name: "sink-table",
    example: "shop.<>",
    doc: "Where they go: `schema.table`, with `$1` for the pattern's groups, or with `replace-symbol` for the source table's name.",
  }),
  replaceSymbol: optional(text, {
    name: "replace-symbol",
    example: "<>",
    doc: "Characters in `sink-table` that stand for the source table's name.",
  }),
  description: optional(text, {
    name: "description",
    example: "orders of all regions",
    doc: "A note for readers of the file.",
  }),
} as const;

/** One entry of `transform:`. */
export const TRANSFORM_OPTIONS = {
  sourceTable: required(tableList, {
    name: "source-table",
    example: "public.customers",
    doc: PATTERN_DOC,
  }),
  exclude: optional(words, {
    name: "exclude-columns",
    example: "[notes]",
    doc: "Columns that are left out. Their values never leave the process.",
  }),
  maskColumns: optional(words, {
    name: "mask-columns",
    example: "[phone]",
    doc: "Columns whose values are replaced by `mask-with`; NULL stays NULL.",
  }),
  maskWith: defaulting(text, "***", {
    name: "mask-with",
    example: "***",
    doc: "What masked columns hold.",
  }),
  hashColumns: optional(words, {
    name: "hash-columns",
    example: "[email]",
    doc: "Columns whose values are replaced by their HMAC-SHA-256 under `hash-key`, in hexadecimal: equal values stay equal. NULL stays NULL.",
  }),
  hashKey: optional(secret, {
    name: "hash-key",
    example: "${env:HASH_KEY}",
    doc: "Key of the hashes. Whoever has it can try values against them.",
  }),
  description: optional(text, {
    name: "description",
    example: "no personal data",
    doc: "A note for readers of the file.",
  }),
} as const;

const NOTHING: AcceptedKeys = { keys: {}, prefixes: {} };
const NO_PROJECTION =
  "Take it out: expressions are not supported; choose columns with exclude-columns, mask-columns, hash-columns";

/** Flink's keys of `transform:` that would change rows and are not possible. */
export const TRANSFORM_REFUSED: Readonly<Record<string, string>> = {
  projection: NO_PROJECTION,
  filter: "Take it out: rows cannot be filtered here; filter them in the source's publication",
  "primary-keys": "Take it out: the key is the source's key",
  "partition-keys": "Take it out: the sinks have no partitions",
  "table-options": "Take it out: the sinks' tables have no options",
  "table-options.delimiter": "Take it out: the sinks' tables have no options",
  "converter-after-transform": "Take it out: a delete is a delete at the sink",
};

/** Reads `route:`. */
export function parseRoutes(
  node: Node | undefined,
  surroundings: Surroundings,
  findings: Findings,
): RouteRule[] {
  return parseEntries(node, "route", ROUTE_OPTIONS, {}, surroundings, findings).map(
    ({ section, path }) => {
      const { sourceTable, sinkTable, replaceSymbol, description } = section.values;
      const rule: RouteRule = { sourceTable, sinkTable, ...given({ replaceSymbol, description }) };
      if (section.failed.size === 0) report(checkRouteRule(rule), section, path, findings);
      return rule;
    },
  );
}

/** Reads `transform:`. */
export function parseColumnChoices(
  node: Node | undefined,
  surroundings: Surroundings,
  findings: Findings,
): ColumnChoice[] {
  return parseEntries(
    node,
    "transform",
    TRANSFORM_OPTIONS,
    TRANSFORM_REFUSED,
    surroundings,
    findings,
  ).map(({ section, path }) => {
    const choice = columnChoice(section);
    if (section.failed.size === 0) {
      report(checkColumnRule(revealed(choice)), section, path, findings);
      checkTogether(section, path, findings);
    }
    return choice;
  });
}

/** The rule as `transform/` takes it, its key in the open. */
export function revealed({ hash, ...rest }: ColumnChoice): Parameters<typeof checkColumnRule>[0] {
  return hash === undefined
    ? rest
    : { ...rest, hash: { columns: hash.columns, key: hash.key.reveal() } };
}

function columnChoice({ values }: Section<typeof TRANSFORM_OPTIONS>): ColumnChoice {
  const { sourceTable, exclude, maskColumns, maskWith, hashColumns, hashKey, description } = values;
  return {
    sourceTable,
    ...given({ exclude, description }),
    ...(maskColumns === null ? {} : { mask: { columns: maskColumns, text: maskWith } }),
    ...(hashColumns === null || hashKey === null
      ? {}
      : { hash: { columns: hashColumns, key: hashKey } }),
  };
}

function checkTogether(
  section: Section<typeof TRANSFORM_OPTIONS>,
  path: string,
  findings: Findings,
): void {
  const { values, place, given: names } = section;
  const say = (name: string, wrong: string, remedy: string) =>
    findings.problem(names.get(name) ?? place, `${path}.${name}`, wrong, remedy);
  if (values.hashColumns !== null && values.hashKey === null) {
    say(
      "hash-key",
      "is missing, and without it anyone could compute the hashes",
      "Write hash-key: ${env:HASH_KEY}",
    );
  }
  if (values.hashColumns === null && values.hashKey !== null)
    say("hash-key", "is given without hash-columns", "Write hash-columns: [email], or take it out");
  if (values.maskColumns === null && names.has("mask-with"))
    say(
      "mask-with",
      "is given without mask-columns",
      "Write mask-columns: [phone], or take it out",
    );
  if (values.exclude === null && values.maskColumns === null && values.hashColumns === null) {
    findings.problem(
      place,
      path,
      "chooses nothing",
      "Write exclude-columns, mask-columns or hash-columns, or take the entry out",
    );
  }
}

function report(
  problems: readonly RuleProblem[],
  section: Section<OptionTable>,
  path: string,
  findings: Findings,
): void {
  for (const { field, offset, problem, remedy } of problems) {
    const place = section.given.get(field) ?? section.place;
    const at = offset === null ? "" : ` (at character ${offset + 1})`;
    findings.problem(place, `${path}.${field}`, `${lowerFirst(problem)}${at}`, remedy);
  }
}

function lowerFirst(sentence: string): string {
  return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}

interface ParsedEntry<Table extends OptionTable> {
  readonly section: Section<Table>;
  readonly path: string;
}

function parseEntries<Table extends OptionTable>(
  node: Node | undefined,
  name: string,
  table: Table,
  refused: Readonly<Record<string, string>>,
  surroundings: Surroundings,
  findings: Findings,
): ParsedEntry<Table>[] {
  if (node === undefined) return [];
  if (node.kind !== "list") {
    findings.problem(
      node.place,
      name,
      `is ${nodeName(node)} and must be a list`,
      `Begin every entry with "- source-table:"`,
    );
    return [];
  }
  return node.items.flatMap((item, index) => {
    const path = `${name}[${index}]`;
    if (item.kind === "map") {
      const context = {
        path,
        surroundings,
        findings,
        accepted: NOTHING,
        reserved: [],
        elsewhere: refused,
      };
      return [{ section: parseSection(item, table, context), path }];
    }
    findings.problem(
      item.place,
      path,
      `is ${nodeName(item)} and must be a map`,
      `Begin it with "- source-table:"`,
    );
    return [];
  });
}

/** Leaves out what is null, as exact optional properties want it. */
function given<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
