/** Writes the page docs/dsql-local/fidelity.md from the tables of rules. */
import { behaviours } from "./behaviours.ts";
import { connectionRules } from "./connections.ts";
import { limitRules } from "./limits.ts";
import type { Rule } from "./rule.ts";
import { statementRules } from "./statements.ts";
import { transactionRules } from "./transactions.ts";

const INTRODUCTION = `# How faithful dsql-local is

Written by \`packages/dsql-local/src/rules/fidelity-page.ts\` from the tables of rules; \`vitest -u\` on its test writes it anew.

*exact*: code, text and moment were recorded on a real cluster and are the same here. *close*: one of them is ours, or there is a bound on when it holds. *unknown*: documented or inferred, nobody has shown it.

Sources: **Q** quotas, **DT** data types, **SQL** features, **CT** CREATE TABLE, **AT** ALTER TABLE, **IX** asynchronous indexes, **CC** concurrency control: pages of the AWS documentation as of September 2026. **E, T, S, J, G, D, A** recordings and measurements of real clusters that others published, 2026. **AU, PROXY, LINT, GR, L** AWS's own tools and guides.

The rules are those of 2026-09-15: foreign keys, partial and expression indexes, DROP COLUMN are in.
`;

/** The page. */
export function fidelityPage(): string {
  return [
    INTRODUCTION,
    section("Statements", statementRules),
    section("Transactions", transactionRules),
    section("Limits", limitRules),
    section("Connections", connectionRules),
    behaviourSection(),
  ].join("\n");
}

function section(title: string, rules: Readonly<Record<string, Rule>>): string {
  const rows = Object.values(rules).map(
    (rule) =>
      `| \`${rule.code}\` | ${wording(rule)} | ${rule.source} | ${rule.fidelity} | ${rule.kept} |`,
  );
  return `## ${title}\n\n| code | what the client is told | source | fidelity | how it is kept |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function wording(rule: Rule): string {
  const parts = [`\`${rule.text}\``];
  if (rule.severity !== undefined) parts.unshift(rule.severity);
  if (rule.detail !== undefined) parts.push(`DETAIL \`${rule.detail}\``);
  if (rule.hint !== undefined) parts.push(`HINT \`${rule.hint}\``);
  return parts.join(" ").replaceAll("|", "\\|");
}

function behaviourSection(): string {
  const rows = behaviours.map(
    ({ what, source, fidelity, kept }) => `| ${what} | ${source} | ${fidelity} | ${kept} |`,
  );
  return `## Behaviour\n\n| what DSQL does | source | fidelity | how it is kept |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
