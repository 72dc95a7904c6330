/**
 * Enough of PostgreSQL's lexer to find keywords outside of strings and comments.
 * DSQL's own words (ASYNC, AWS IAM) are not in the parser's grammar; they are
 * found here and blanked out, so that every offset stays what it was.
 */

/** A word or a single character with its place in the text. */
export interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** A bare identifier or keyword, folded to lower case in `text`. */
  readonly word: boolean;
}

const PATTERN =
  /(\s+|--[^\n]*)|(\/\*)|([eE]'(?:[^'\\]|\\.|'')*'|[bBxXnN]?'(?:[^']|'')*'|"(?:[^"]|"")*")|(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|([\s\S])/gy;

/** The tokens of an SQL text; comments and spaces left out. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(PATTERN);
  for (let match = pattern.exec(sql); match !== null; match = pattern.exec(sql)) {
    const [whole, space, comment, , dollar, word] = match;
    const start = match.index;
    if (space !== undefined) continue;
    if (comment !== undefined) {
      pattern.lastIndex = endOfComment(sql, start);
      continue;
    }
    if (dollar !== undefined) pattern.lastIndex = endOfDollarQuote(sql, start, dollar);
    const end = dollar === undefined ? start + whole.length : pattern.lastIndex;
    tokens.push({
      text: word === undefined ? sql.slice(start, end) : word.toLowerCase(),
      start,
      end,
      word: word !== undefined,
    });
  }
  return tokens;
}

function endOfComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length - 1; at++) {
    if (sql.startsWith("/*", at)) {
      depth++;
      at++;
    } else if (sql.startsWith("*/", at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

function endOfDollarQuote(sql: string, start: number, tag: string): number {
  const close = sql.indexOf(tag, start + tag.length);
  return close < 0 ? sql.length : close + tag.length;
}

/** Splits tokens into statements at the semicolons. */
export function splitStatements(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [[]];
  for (const token of tokens) {
    if (token.text === ";" && !token.word) statements.push([]);
    else statements.at(-1)?.push(token);
  }
  return statements.filter((statement) => statement.length > 0);
}

/** Replaces a stretch by spaces. */
export function blank(sql: string, start: number, end: number): string {
  return sql.slice(0, start) + " ".repeat(end - start) + sql.slice(end);
}
