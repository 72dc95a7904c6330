/** What a statement of the log does to the group that it is in. */
export type GroupStatement =
  /** Rows follow, until an XID event or COMMIT. */
  | { readonly kind: "begin" }
  | { readonly kind: "commit" }
  | { readonly kind: "rollback" }
  /** Nothing to anybody: a savepoint, the end of an XA branch before it is prepared. */
  | { readonly kind: "nothing" }
  /** The rows that follow count only once the XA transaction is committed. */
  | { readonly kind: "xa-start"; readonly xid: string }
  | { readonly kind: "xa-commit"; readonly xid: string }
  | { readonly kind: "xa-rollback"; readonly xid: string }
  /** Takes back rows that came before: a log of rows has none of these that were not written with statements. */
  | { readonly kind: "rollback-to" }
  /** Rows in words, which nobody can apply. */
  | { readonly kind: "rows" }
  /** Everything else: DDL, or nothing that concerns tables. */
  | { readonly kind: "other" };

const NOTHING = /^(SAVEPOINT|RELEASE|XA\s+END)\b/i;
const XA = /^XA\s+(START|BEGIN|COMMIT|ROLLBACK)\s+(\S+)/i;
const ROWS = /^(INSERT|UPDATE|DELETE|REPLACE|LOAD|WITH|CALL)\b/i;

/** Servers write these words themselves, without comments before them. */
export function groupStatement(sql: string): GroupStatement {
  const text = sql.trim();
  if (/^BEGIN$/i.test(text)) return { kind: "begin" };
  if (/^COMMIT\b/i.test(text)) return { kind: "commit" };
  if (/^ROLLBACK\s+TO\b/i.test(text)) return { kind: "rollback-to" };
  if (/^ROLLBACK\b/i.test(text)) return { kind: "rollback" };
  if (NOTHING.test(text)) return { kind: "nothing" };
  const [, verb, xid] = XA.exec(text) ?? [];
  if (verb !== undefined && xid !== undefined) return xaStatement(verb, xid);
  return { kind: isRows(text) ? "rows" : "other" };
}

function xaStatement(verb: string, xid: string): GroupStatement {
  const upper = verb.toUpperCase();
  if (upper === "COMMIT") return { kind: "xa-commit", xid };
  return upper === "ROLLBACK" ? { kind: "xa-rollback", xid } : { kind: "xa-start", xid };
}

/** People's own comments may stand before a statement. */
function isRows(text: string): boolean {
  return ROWS.test(text.replace(/^(\s|\/\*(?!!|M!).*?\*\/|(--\s|#)[^\n]*(\n|$))+/s, ""));
}
