/** Writes the page docs/dsql-local/fidelity.md from the tables of rules. */
import { behaviours } from "./behaviours.ts";
import { connectionRules } from "./connections.ts";
import { limitRules } from "./limits.ts";
import { features, profileDays } from "./profile.ts";
import { fill, type Fills, type Rule } from "./rule.ts";
import { statementRules } from "./statements.ts";
import { transactionRules } from "./transactions.ts";

const INTRODUCTION = `# How faithful dsql-local is

Written by \`packages/dsql-local/src/rules/fidelity-page.ts\` from the tables of rules; \`vitest -u\` on its test writes it anew.

*exact*: code, text and moment were recorded on a real cluster and are the same here. *close*: one of them is ours, or there is a bound on when it holds. *unknown*: documented or inferred, nobody has shown it.

Sources: **Q** quotas, **DT** data types, **SQL** features, **CT** CREATE TABLE, **AT** ALTER TABLE, **IX** asynchronous indexes, **CC** concurrency control, **LD** loading data: pages of the AWS documentation as of September 2026. **E, T, S, J, G, D, A** recordings and measurements of real clusters that others published, 2026; **P** a migration tool's notes of a cluster of 2026-07-23 and 2026-10-10. **AU, PROXY, LINT, GR, L** AWS's own tools and guides.

The profiles are ${profileDays.join(" (the newest) and ")}: \`--profile\`. A rule with *before* holds only in profiles before that day, one with *from* only from that day on; all others hold in both. From ${Object.values(
  features,
)
  .map(({ since, what }) => `${since}: ${what}`)
  .join("; ")}.
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
      `| \`${rule.code}\` | ${wording(rule)} | ${limitOf(rule)} | ${daysOf(rule)} | ${rule.source} | ${rule.fidelity} | ${rule.kept} |`,
  );
  return `## ${title}\n\n| code | what the client is told | limit | days | source | fidelity | how it is kept |\n|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

function wording(rule: Rule): string {
  const told = (text: string): string => `\`${fill(text, numberOf(rule))}\``;
  const parts = [told(rule.text)];
  if (rule.severity !== undefined) parts.unshift(rule.severity);
  if (rule.detail !== undefined) parts.push(`DETAIL ${told(rule.detail)}`);
  if (rule.hint !== undefined) parts.push(`HINT ${told(rule.hint)}`);
  return parts.join(" ").replaceAll("|", "\\|");
}

function numberOf({ limit }: Rule): Fills {
  return limit === undefined ? {} : { limit };
}

function limitOf({ limit }: Rule): string {
  return limit === undefined ? "" : limit.toLocaleString("en");
}

function daysOf({ since, until }: Rule): string {
  if (until !== undefined) return `before ${until}`;
  return since === undefined ? "" : `from ${since}`;
}

function behaviourSection(): string {
  const rows = behaviours.map(
    ({ what, source, fidelity, kept }) => `| ${what} | ${source} | ${fidelity} | ${kept} |`,
  );
  return `## Behaviour\n\n| what DSQL does | source | fidelity | how it is kept |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
