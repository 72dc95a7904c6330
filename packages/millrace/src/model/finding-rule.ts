import type { Finding } from "./finding.ts";

/** One thing that can be the matter with a server, told from what was observed of it. */
export interface FindingRule<Observed> {
  readonly severity: Finding["severity"];
  readonly code?: string;
  /** The option of the file that it is about. */
  readonly option?: string;
  /** See {@link Finding.atStart}. */
  readonly atStart?: true;
  readonly when: (observed: Observed) => boolean;
  readonly what: (observed: Observed) => string;
  readonly follows: (observed: Observed) => string;
  readonly remedy: (observed: Observed) => string;
}

/** The findings of all rules that apply. */
export function applyRules<Observed>(
  rules: readonly FindingRule<Observed>[],
  observed: Observed,
): Finding[] {
  return rules
    .filter((rule) => rule.when(observed))
    .map((rule) => ({
      severity: rule.severity,
      what: rule.what(observed),
      whatFollows: rule.follows(observed),
      remedy: rule.remedy(observed),
      ...(rule.code === undefined ? {} : { code: rule.code }),
      ...(rule.option === undefined ? {} : { option: rule.option }),
      ...(rule.atStart === undefined ? {} : { atStart: rule.atStart }),
    }));
}

const WORST_FIRST: readonly Finding["severity"][] = ["error", "warning", "notice"];

/** The same findings, errors before warnings before notices. */
export function worstFirst(all: readonly Finding[]): Finding[] {
  return all.toSorted((a, b) => WORST_FIRST.indexOf(a.severity) - WORST_FIRST.indexOf(b.severity));
}
