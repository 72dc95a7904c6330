/**
 * SKIP LOCKED and NOWAIT: nobody holds a lock that could be met (source CC), so that neither ever has anything to do. Here
 * there are locks, of PostgreSQL's: the words are taken out.
 */
import { blank, tokenize, type Token } from "./tokens.ts";

/** The text without them, of the same length. */
export function withoutLockWaits(sql: string): string {
  const tokens = tokenize(sql);
  let out = sql;
  for (let at = 0; at < tokens.length; at++) {
    const locking = afterStrength(tokens, at);
    if (locking === undefined) continue;
    const wait = afterNames(tokens, locking);
    const words = textsFrom(tokens, wait);
    const many = words.startsWith("nowait ") ? 1 : words.startsWith("skip locked ") ? 2 : 0;
    for (const { start, end } of tokens.slice(wait, wait + many)) out = blank(out, start, end);
  }
  return out;
}

/** The place behind FOR UPDATE or FOR KEY SHARE that begins here. */
function afterStrength(tokens: readonly Token[], at: number): number | undefined {
  const words = textsFrom(tokens, at);
  if (words.startsWith("for update ")) return at + 2;
  return words.startsWith("for key share ") ? at + 3 : undefined;
}

/** The place behind OF and the names of tables. */
function afterNames(tokens: readonly Token[], at: number): number {
  if (!textsFrom(tokens, at).startsWith("of ")) return at;
  let next = at + 2;
  while (tokens[next]?.text === "." || tokens[next]?.text === ",") next += 2;
  return next;
}

function textsFrom(tokens: readonly Token[], at: number): string {
  const next = tokens.slice(at, at + 3);
  return next.map(({ text }) => `${text} `).join("");
}
