import { createHash } from "node:crypto";

/** SQL text with the name it is prepared under: the same text has the same name on every connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Names a statement after its text; 63 bytes is the server's limit for names. */
export function statement(text: string): Statement {
  return { name: `mr_${createHash("sha256").update(text).digest("base64url").slice(0, 22)}`, text };
}

export const BEGIN = statement("BEGIN");
export const COMMIT = statement("COMMIT");
export const ROLLBACK = statement("ROLLBACK");
