import type { Finding } from "../model/finding.ts";
import { finalRemedy } from "./final-remedy.ts";
import { MillraceError } from "./millrace-error.ts";

/** What a finding says where its server could not be asked. */
export const NOTHING_ELSE_CHECKED = "Nothing else could be checked.";

/** A server that cannot be asked is a finding too. @throws whatever is no MillraceError. */
export function unreachable(error: unknown): Finding {
  if (!(error instanceof MillraceError)) throw error;
  const { code, detail: what } = error;
  const remedy = finalRemedy(error);
  const option = error.facts["option"];
  const named = typeof option === "string" ? { option } : {};
  return { severity: "error", what, whatFollows: NOTHING_ELSE_CHECKED, remedy, code, ...named };
}
