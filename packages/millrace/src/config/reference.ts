import type { ConnectorKind } from "./connector-kinds.ts";
import { SINK_KINDS, SOURCE_KINDS } from "./connector-kinds.ts";
import { debeziumParts } from "./debezium-options.ts";
import type { Option, OptionTable } from "./option.ts";
import {
  PIPELINE_ACCEPTED,
  PIPELINE_OPTIONS,
  PIPELINE_REFUSED,
} from "./options/pipeline-options.ts";
import { ROUTE_OPTIONS, TRANSFORM_OPTIONS, TRANSFORM_REFUSED } from "./rules.ts";
import type { AcceptedKeys } from "./section.ts";

/** Says that a page is made, so that nobody edits it. */
export const MADE_BY =
  "Made by `node packages/millrace/src/cli/write-reference.ts` from the tables that the program itself goes by; do not edit it by hand.";

/** The pages of `docs/reference/` about the pipeline file, by their name. */
export function configReference(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", overview()],
    [
      "pipeline.md",
      sectionPage(
        "`pipeline:`",
        "What holds for a pipeline as a whole.",
        PIPELINE_OPTIONS,
        PIPELINE_ACCEPTED,
        PIPELINE_REFUSED,
      ),
    ],
    [
      "route.md",
      rulePage(
        "`route:`",
        "Where tables go: a list of rules. Without a rule a table keeps its name.",
        ROUTE_OPTIONS,
        {},
      ),
    ],
    [
      "transform.md",
      rulePage("`transform:`", TRANSFORM_TEXT, TRANSFORM_OPTIONS, TRANSFORM_REFUSED),
    ],
    [
      "from-debezium.md",
      page("Options of Debezium's, and what they are here", FROM_DEBEZIUM, debeziumParts()),
    ],
    ...kindPages("source", SOURCE_KINDS),
    ...kindPages("sink", SINK_KINDS),
  ]);
}

const FROM_DEBEZIUM =
  "For who has a connector's configuration before them; how to change over is in [From Debezium](../from-debezium.md). Options that are not named here have the same name (`decimal.handling.mode`, `tombstones.on.delete`, `slot.name`, …), or none. `*` stands for any characters. A file that has one of these names is refused with what stands here.";

const TRANSFORM_TEXT =
  "What becomes of columns on the way: a list of rules. Every rule that matches a table applies, so that the order of the rules never uncovers a value. Key columns can be neither left out nor masked. They can be hashed, but for jsonb; then the source's own key reaches neither the sink's tables nor its state: a load that a restart broke off begins anew for such a table, a dead letter shows the hash in place of the key and can be replayed only until the pipeline starts again (resync the table then), and rows that a resync does not find any more stay at the sink.";

function kindPages(
  role: string,
  kinds: Readonly<Record<string, ConnectorKind>>,
): [string, string][] {
  return Object.entries(kinds).map(([kind, { title, options, accepted, refused }]) => [
    `${role}-${kind}.md`,
    sectionPage(`\`${role}:\` with \`type: ${kind}\``, title, options, accepted, refused),
  ]);
}

function sectionPage(
  title: string,
  text: string,
  options: OptionTable,
  accepted: AcceptedKeys,
  refused: Readonly<Record<string, string>>,
): string {
  return page(title, text, [
    ...optionParts(options),
    ...acceptedPart(accepted),
    ...refusedPart(refused),
  ]);
}

function rulePage(
  title: string,
  text: string,
  options: OptionTable,
  refused: Readonly<Record<string, string>>,
): string {
  return page(title, text, [...optionParts(options), ...refusedPart(refused)]);
}

function page(title: string, text: string, parts: readonly string[]): string {
  return `# ${title}\n\n${MADE_BY}\n\n${text}\n\n${parts.join("\n")}`;
}

function optionParts(options: OptionTable): string[] {
  return Object.values(options).map(optionPart);
}

function optionPart(option: Option<unknown>): string {
  const { name, doc, type, example, aliases = [], conflicts = [], secret, unsetNotice } = option;
  const lines = [
    `- Type: ${type.name}${type.unit === null || type.name.includes(type.unit) ? "" : `, ${type.unit}`}`,
    `- ${defaultLine(option)}`,
    `- Example: \`${name}: ${example}\``,
    ...(aliases.length === 0 ? [] : [`- Also spelt: ${aliases.map(code).join(", ")}`]),
    ...(conflicts.length === 0 ? [] : [`- Not together with: ${conflicts.map(code).join(", ")}`]),
    ...(secret ? ["- Secret: never printed; give it by `${env:NAME}` or `${file:PATH}`"] : []),
    ...(unsetNotice === undefined
      ? []
      : [
          `- Named in a notice where a file for Flink CDC leaves it out: ${unsetNotice.replace(/^is not given: /, "")}`,
        ]),
  ];
  return `## \`${name}\`\n\n${doc}\n\n${lines.join("\n")}\n`;
}

function defaultLine({ required, defaultText, defaultDoc }: Option<unknown>): string {
  if (required) return "Required";
  return `Default: ${defaultDoc ?? (defaultText === null ? "none" : code(defaultText))}`;
}

function acceptedPart({ keys, prefixes }: AcceptedKeys): string[] {
  const rows = [
    ...Object.entries(keys),
    ...Object.entries(prefixes).map(([prefix, why]) => [`${prefix}*`, why] as const),
  ];
  if (rows.length === 0) return [];
  const lines = rows.map(
    ([key, why]) => `- ${code(key)}: ${why.replace(/^has no meaning here: /, "")}`,
  );
  return [
    `## Keys of Flink CDC that are taken and do nothing\n\nEach is told with a notice.\n\n${lines.join("\n")}\n`,
  ];
}

function refusedPart(refused: Readonly<Record<string, string>>): string[] {
  const lines = Object.entries(refused).map(
    ([key, remedy]) => `- ${code(key)}: ${remedy.replace(/^Take it out: /, "")}`,
  );
  return lines.length === 0
    ? []
    : [
        `## Keys that are refused\n\nThey would change what happens and are not possible here.\n\n${lines.join("\n")}\n`,
      ];
}

function code(text: string): string {
  return `\`${text}\``;
}

function overview(): string {
  const links = [
    ["pipeline.md", "`pipeline:`"],
    ["route.md", "`route:`"],
    ["transform.md", "`transform:`"],
    ["from-debezium.md", "options of Debezium's, and what they are here"],
    ...Object.keys(SOURCE_KINDS).map((kind) => [
      `source-${kind}.md`,
      `\`source:\` with \`type: ${kind}\``,
    ]),
    ...Object.keys(SINK_KINDS).map((kind) => [
      `sink-${kind}.md`,
      `\`sink:\` with \`type: ${kind}\``,
    ]),
  ].map(([file, title]) => `- [${title}](${file})`);
  return OVERVIEW.replace("LINKS", () => links.join("\n"));
}

const OVERVIEW = `# The pipeline file

${MADE_BY}

One YAML file describes one pipeline: one source, one sink, and the routes and transforms between them. The words are
those of Flink CDC, so that its files can be brought here.

LINKS
- [JSON Schema for editors](pipeline.schema.json)

## Values

- **References.** Any value may hold \`\${env:NAME}\`, \`\${env:NAME:-default}\` (also for an empty variable) and
  \`\${file:PATH}\` (relative to the pipeline file; its last line break is left out). What was put in is not looked at
  again. \`$\${\` stands for \`\${\` itself.
- **Scalars** are text until their option says what they are: \`0123\` keeps its zero, \`no\` is not false.
- **Durations**: a number and one of \`ms\`, \`s\`, \`min\`, \`h\`, \`d\` (also spelt out), such as \`500ms\`, \`30s\`, \`5 min\`;
  or Java's \`PT1H30M\`. A number without unit is refused: Flink means milliseconds by it, people mean seconds.
- **Sizes**: a number and one of \`b\`, \`kb\`, \`mb\`, \`gb\`, \`tb\`, powers of 1024, such as \`256mb\`.
- **Words** of a choice may be written in capitals and with \`_\` for \`-\`, as Flink does.
- **Table patterns**: a comma list of regular expressions, part by part. A plain dot separates the parts of a name, \`\\.\`
  is the expression's dot, so \`\\.*\` means any characters; \`\\\\.\` is a dot in a name.

## When something is wrong

\`millrace validate FILE\` says everything at once, each with its line and column, the reason and the remedy (it asks no server; \`--connect\` does), and
\`millrace run\` exits with 2 before anything was touched. Unknown keys are errors, with the nearest known key. Keys of
Flink CDC that have no meaning here are taken with a notice. One more names the options with which such a file relies on a default of
Flink CDC that loses, doubles or drifts; ours is the one that does not.

## State

A pipeline's state lives at its sink, in the schema \`state.schema\` (or in a folder beside the file of a \`jsonl\` sink),
under \`pipeline.name\`. It goes on from any machine that has the file.
`;
