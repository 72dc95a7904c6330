/** All rules in one table: what is refused here and not by dynalite comes from here and from nowhere else. */
import { accessRules } from "./access.ts";
import { itemRules } from "./items.ts";
import { refusalOf, type Fills, type Rule } from "./rule.ts";
import type { Refusal } from "./refusal.ts";
import { streamRules } from "./streams.ts";
import { tableRules } from "./tables.ts";

/** Every rule by its name. */
export const rules = {
  ...tableRules,
  ...itemRules,
  ...streamRules,
  ...accessRules,
} as const satisfies Record<string, Rule>;

/** The name of a rule. */
export type RuleName = keyof typeof rules;

/** The refusal of a broken rule, in the service's words. */
export function refuse(name: RuleName, fills: Fills = {}): Refusal {
  return refusalOf(rules[name], fills);
}
