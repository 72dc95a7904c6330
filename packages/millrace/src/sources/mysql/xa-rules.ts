import type { FindingRule, Observed } from "./finding-rule.ts";
import { grantee } from "./reading-rights.ts";

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
    follows: () => "That matters only where the server has any: their rows may be lost (on-loss).",
    remedy: ({ server }) => `There: GRANT XA_RECOVER_ADMIN ON *.* TO ${grantee(server.user)};`,
  },
];

/** A pipeline that has begun knows what was prepared since. */
function isNew({ known }: Observed): boolean {
  return known === null;
}

function prepared({ server }: Observed): readonly string[] {
  return server.prepared ?? [];
}
