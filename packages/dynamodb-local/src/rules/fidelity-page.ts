/** Writes the page docs/dynamodb-local/fidelity.md from the tables of rules. */
import { accessRules } from "./access.ts";
import { behaviours } from "./behaviours.ts";
import { itemRules } from "./items.ts";
import type { Rule } from "./rule.ts";
import { streamRules } from "./streams.ts";
import { tableRules } from "./tables.ts";

const INTRODUCTION = `# How faithful dynamodb-local is

Written by \`packages/dynamodb-local/src/rules/fidelity-page.ts\` from the tables of rules; \`vitest -u\` on its test writes it anew.

*exact*: recorded on the service or given by its documentation, and the same here in code, text and moment. *close*: one of them is ours, or there is a bound on when it holds. *unknown*: documented in outline or inferred, nobody has shown it.

Sources: **API**, **DG** the API reference and the developer guide of AWS; **R** recordings of the service that others published in 2025 and 2026; **I** texts and behaviour in public bug reports against the service; **DY** dynalite, whose tests ran against the service. Nothing here was measured by us on AWS.
`;

/** The page. */
export function fidelityPage(): string {
  return [
    INTRODUCTION,
    behaviourSection(),
    section("Refusals: tables, tags, time to live", tableRules),
    section("Refusals: items and transactions", itemRules),
    section("Refusals: streams", streamRules),
    section("Refusals: access, STS, the search by tags", accessRules),
  ].join("\n");
}

function section(title: string, rules: Readonly<Record<string, Rule>>): string {
  const rows = Object.values(rules).map(
    ({ code, text, source, fidelity, kept }) =>
      `| \`${code}\` | ${text === "" ? "(no message)" : `\`${text}\``} | ${source} | ${fidelity} | ${kept} |`,
  );
  return `## ${title}\n\n| exception | message | source | fidelity | when |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function behaviourSection(): string {
  const rows = behaviours.map(
    ({ what, source, fidelity, kept }) => `| ${what} | ${source} | ${fidelity} | ${kept} |`,
  );
  return `## Behaviour\n\n| what the service does | source | fidelity | how it is kept |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
