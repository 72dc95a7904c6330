import { ddlTriggerProblem } from "./ddl-trigger.ts";
import type { FindingRule } from "./finding-rule.ts";

/** The event trigger that tells of schema changes, where the file asks for it. */
export const DDL_RULES: readonly FindingRule[] = [
  {
    severity: "error",
    option: "source.schema-change.messages",
    when: ({ ddl }) => ddl !== null && ddlTriggerProblem(ddl) !== null,
    what: ({ ddl }) => (ddl === null ? "" : (ddlTriggerProblem(ddl)?.what ?? "")),
    follows: ({ ddl }) => (ddl === null ? "" : (ddlTriggerProblem(ddl)?.follows ?? "")),
    remedy: ({ ddl }) => (ddl === null ? "" : (ddlTriggerProblem(ddl)?.remedy ?? "")),
  },
  {
    severity: "notice",
    when: ({ ddl }) => ddl !== null && !ddl.isCurrent && ddlTriggerProblem(ddl) === null,
    what: ({ ddl }) =>
      ddl?.isThere === true
        ? "The event trigger that tells of schema changes is off or of another version, or its key is missing."
        : "There is no event trigger that tells of schema changes yet.",
    follows: () => "This role may make one: the next start does.",
    remedy: () => "Nothing has to be done.",
  },
];
