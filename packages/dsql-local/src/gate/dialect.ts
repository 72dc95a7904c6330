/** DSQL's additions to PostgreSQL's grammar: found by their words, blanked out for the parser. */
import { blank, splitStatements, tokenize, type Token } from "./tokens.ts";

/** `AWS IAM GRANT role TO 'arn'`, or REVOKE … FROM. */
export interface IamStatement {
  readonly action: "grant" | "revoke";
  readonly role: string;
  readonly arn: string;
}

/** What was found in one statement of the text, by its number. */
export interface DialectMark {
  readonly async: boolean;
  readonly iam?: IamStatement;
  /** The start of the word USING before the key list of CREATE INDEX. */
  readonly using: boolean;
}

/** The text for the parser, and what it does not see. */
export interface Translated {
  readonly sql: string;
  readonly marks: readonly DialectMark[];
}

const PLAIN: DialectMark = { async: false, using: false };
const SUSPECT = /\b(async|aws|index)\b/i;

/** Translates a text; cheap for texts without these words. */
export function translateDialect(sql: string): Translated {
  if (!SUSPECT.test(sql)) return { sql, marks: [] };
  let out = sql;
  const marks: DialectMark[] = [];
  for (const statement of splitStatements(tokenize(sql))) {
    const mark = markOf(statement);
    marks.push(mark.mark);
    for (const token of mark.hide) out = blank(out, token.start, token.end);
    if (mark.mark.iam !== undefined) {
      const first = statement[0];
      if (first !== undefined) out = `${out.slice(0, first.start)}END${out.slice(first.start + 3)}`;
    }
  }
  return { sql: out, marks };
}

function markOf(statement: readonly Token[]): { mark: DialectMark; hide: readonly Token[] } {
  const words = statement.slice(0, 5).map((token) => (token.word ? token.text : "\0"));
  const iam = words[0] === "aws" && words[1] === "iam" ? iamOf(statement) : undefined;
  if (iam !== undefined) return { mark: { ...PLAIN, iam }, hide: statement };
  if (words[0] === "alter" && words[1] === "table" && words[2] === "async") {
    return { mark: { ...PLAIN, async: true }, hide: statement.slice(2, 3) };
  }
  if (words[0] !== "create") return { mark: PLAIN, hide: [] };
  const at = words.indexOf("index");
  if (at !== 1 && !(at === 2 && words[1] === "unique")) return { mark: PLAIN, hide: [] };
  const using = hasUsing(statement);
  if (words[at + 1] !== "async") return { mark: { ...PLAIN, using }, hide: [] };
  return { mark: { async: true, using }, hide: statement.slice(at + 1, at + 2) };
}

function hasUsing(statement: readonly Token[]): boolean {
  for (const token of statement) {
    if (token.text === "(") return false;
    if (token.word && token.text === "using") return true;
  }
  return false;
}

/** Undefined for what is not all of it: a syntax error. */
function iamOf([, , action, role, to, arn, ...more]: readonly Token[]): IamStatement | undefined {
  const grants = action?.text === "grant" && to?.text === "to";
  const revokes = action?.text === "revoke" && to?.text === "from";
  const isName = role !== undefined && (role.word || role.text.startsWith('"'));
  const isWhole = isName && arn?.text.startsWith("'") === true && more.length === 0;
  if (!isWhole || !(grants || revokes)) return undefined;
  const parties = { role: unquote(role.text, '"'), arn: unquote(arn.text, "'") };
  return { action: grants ? "grant" : "revoke", ...parties };
}

function unquote(text: string, quote: string): string {
  if (!text.startsWith(quote) || !text.endsWith(quote) || text.length < 2) return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}
