/** What a statement of the log does to the group that it is in. */
export type GroupStatement =
  /** Rows follow, until an XID event or COMMIT. */
  | { readonly kind: "begin" }
  | { readonly kind: "commit" }
  | { readonly kind: "rollback" }
  | { readonly kind: "savepoint"; readonly name: string }
  /** Nothing to anybody: the end of an XA branch before it is prepared. */
  | { readonly kind: "nothing" }
  /** The rows that follow count only once the XA transaction is committed. */
  | { readonly kind: "xa-start"; readonly xid: string }
  | { readonly kind: "xa-commit"; readonly xid: string }
  | { readonly kind: "xa-rollback"; readonly xid: string }
  /** Takes back what came behind the savepoint. */
  | { readonly kind: "rollback-to"; readonly name: string }
  /** Everything else: DDL, rows in words, nothing that concerns tables. */
  | { readonly kind: "other" };

const NOTHING = /^(RELEASE|XA\s+END)\b/i;
const SAVEPOINT = /^(SAVEPOINT|ROLLBACK\s+TO)\s+(.+)$/is;
const XA = /^XA\s+(START|BEGIN|COMMIT|ROLLBACK)\s+(\S+)/i;

/** Servers write the words of groups themselves, without comments before them. */
export function groupStatement(sql: string): GroupStatement {
  const text = sql.trim();
  if (/^BEGIN$/i.test(text)) return { kind: "begin" };
  if (/^COMMIT\b/i.test(text)) return { kind: "commit" };
  const [, point, name] = SAVEPOINT.exec(text) ?? [];
  if (point !== undefined && name !== undefined)
    return { kind: /^S/i.test(point) ? "savepoint" : "rollback-to", name };
  if (/^ROLLBACK\b/i.test(text)) return { kind: "rollback" };
  if (NOTHING.test(text)) return { kind: "nothing" };
  const [, verb, xid] = XA.exec(text) ?? [];
  if (verb !== undefined && xid !== undefined) return xaStatement(verb, xid);
  return { kind: "other" };
}

function xaStatement(verb: string, xid: string): GroupStatement {
  const upper = verb.toUpperCase();
  if (upper === "COMMIT") return { kind: "xa-commit", xid };
  return upper === "ROLLBACK" ? { kind: "xa-rollback", xid } : { kind: "xa-start", xid };
}
