/** All rules in one table: what the proxy refuses comes from here and from nowhere else. */
import { connectionRules } from "./connections.ts";
import { limitRules } from "./limits.ts";
import { reportOf, Violation, type Fills, type Rule } from "./rule.ts";
import { statementRules } from "./statements.ts";
import { transactionRules } from "./transactions.ts";

/** Every rule by its name. */
export const rules = {
  ...statementRules,
  ...transactionRules,
  ...limitRules,
  ...connectionRules,
} as const satisfies Record<string, Rule>;

/** The name of a rule. */
export type RuleName = keyof typeof rules;

/** All names. */
export const ruleNames: readonly RuleName[] = Object.keys(rules).filter(isRuleName);

function isRuleName(name: string): name is RuleName {
  return name in rules;
}

/** The error of breaking a rule, in the service's words. */
export function violation(name: RuleName, fills: Fills = {}, position?: number): Violation {
  return new Violation(reportOf(rules[name], fills, position));
}
