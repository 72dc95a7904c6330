import type { FindingRule, Observed } from "./finding-rule.ts";

/** Of many, how many are named. */
const MOST_NAMED = 5;

/** XA transactions of which a log that begins now has only the end. */
export const XA_RULES: readonly FindingRule[] = [
  {
    severity: "warning",
    when: (observed) => isNew(observed) && prepared(observed).length > 0,
    what: (observed) =>
      `XA transactions are prepared: ${prepared(observed).slice(0, MOST_NAMED).join("; ")}${prepared(observed).length > MOST_NAMED ? " and more" : ""}.`,
    follows: () =>
      "Their rows are looked for in the log that the server still has, from its newest file back. A start waits for connect.timeout until those that are not found there have ended, and is refused then.",
    remedy: () => "XA COMMIT or XA ROLLBACK what nobody will end.",
  },
  {
    severity: "notice",
    when: (observed) => isNew(observed) && observed.server.prepared === null,
    what: ({ server }) => `${server.user} may not see which XA transactions are prepared.`,
    follows: () =>
      "The rows of one that is prepared before the pipeline starts and committed later are looked for only then; where the server's log no longer has them that is a loss (on-loss).",
    remedy: () =>
      "Where the server has XA transactions: GRANT XA_RECOVER_ADMIN ON *.* to the user.",
  },
];

/** A pipeline that has begun knows what was prepared since. */
function isNew({ known }: Observed): boolean {
  return known === null;
}

function prepared({ server }: Observed): readonly string[] {
  return server.prepared ?? [];
}
