/** One word of a statement. */
export interface Token {
  /** `word` is bare, `name` stood in quotes of names, `string` in those of strings, `number` begins with a digit. */
  readonly kind: "word" | "name" | "string" | "number" | "symbol";
  /** Without quotes and escapes. */
  readonly text: string;
  /** Words in upper case, symbols as they are; '' for what is quoted, so that it is never taken for a keyword. */
  readonly key: string;
}

/** What a statement's text means depends on it. */
export interface SqlDialect {
  readonly flavor: "mysql" | "mariadb";
  /** `major * 10000 + minor * 100 + patch`: what executable comments are measured against. */
  readonly version: number;
  /** `@@sql_mode`, as bits, of the session that ran the statement. */
  readonly sqlMode: number;
}

/** Bits of `@@sql_mode`, the same on both servers. */
export const SqlMode = {
  REAL_AS_FLOAT: 1,
  ANSI_QUOTES: 4,
  ORACLE: 512,
  MAXDB: 4096,
  NO_BACKSLASH_ESCAPES: 1 << 20,
  STRICT: (1 << 21) | (1 << 22),
} as const;

/** MariaDB takes comments for these versions as MySQL's, whose 5.7 and 8.0 it is not. */
const MYSQL_ONLY = { from: 50_700, to: 99_999 };

const ESCAPES: Readonly<Record<string, string>> = {
  "0": "\0",
  b: "\b",
  n: "\n",
  r: "\r",
  t: "\t",
  Z: "\x1a",
};

/** The words of a statement, without comments. @returns null where a quote or a comment does not end. */
export function lexSql(sql: string, dialect: SqlDialect): readonly Token[] | null {
  const { tokens, isWhole } = lexWords(sql, dialect);
  return isWhole ? tokens : null;
}

/** The first `most` words of a statement at least; all of those before a quote or a comment that does not end. */
export function lexWords(
  sql: string,
  dialect: SqlDialect,
  most = Number.POSITIVE_INFINITY,
): { readonly tokens: readonly Token[]; readonly isWhole: boolean } {
  const lexer = new Lexer(sql, dialect);
  while (lexer.tokens.length < most && lexer.next());
  return { tokens: lexer.tokens, isWhole: !lexer.isBroken };
}

class Lexer {
  readonly tokens: Token[] = [];
  isBroken = false;
  readonly #sql: string;
  readonly #dialect: SqlDialect;
  #at = 0;
  /** Executable comments that are open. */
  #open = 0;

  constructor(sql: string, dialect: SqlDialect) {
    this.#sql = sql;
    this.#dialect = dialect;
  }

  /** False at the end. */
  next(): boolean {
    const sql = this.#sql;
    this.#at += this.#match(/[\s\0]*/y).length;
    if (this.isBroken || this.#at >= sql.length) {
      this.isBroken ||= this.#open > 0;
      return false;
    }
    const two = sql.slice(this.#at, this.#at + 2);
    if (two === "*/" && this.#open > 0) {
      this.#open -= 1;
      this.#at += 2;
    } else if (two === "/*") this.#comment();
    else if (sql[this.#at] === "#" || this.#match(/--(?=[\s\0]|$)/y) !== "")
      this.#at += this.#match(/[^\n]*/y).length;
    else this.#token();
    return true;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#sql)?.[0] ?? "";
  }

  #comment(): void {
    const opening = this.#match(/\/\*M?!(\d{5,6})?/y);
    const isForMariaDb = opening.startsWith("/*M");
    if (opening !== "" && this.#isExecuted(isForMariaDb, opening.replace(/\D/g, ""))) {
      this.#at += opening.length;
      this.#open += 1;
      return;
    }
    this.#skipComment(opening !== "" && !(isForMariaDb && this.#dialect.flavor === "mysql"));
  }

  #isExecuted(isForMariaDb: boolean, digits: string): boolean {
    const { flavor, version } = this.#dialect;
    if (isForMariaDb && flavor === "mysql") return false;
    const from = Number(digits);
    if (digits === "" || from > version) return digits === "";
    return flavor === "mysql" || isForMariaDb || from < MYSQL_ONLY.from || from > MYSQL_ONLY.to;
  }

  /** Comments that are not executed may have plain ones inside. */
  #skipComment(mayNest: boolean): void {
    const sql = this.#sql;
    let at = this.#at + 2;
    for (;;) {
      const end = sql.indexOf("*/", at);
      if (end < 0) break;
      const inner = mayNest ? sql.indexOf("/*", at) : -1;
      if (inner < 0 || inner > end) {
        this.#at = end + 2;
        return;
      }
      const innerEnd = sql.indexOf("*/", inner + 2);
      if (innerEnd < 0) break;
      at = innerEnd + 2;
    }
    this.isBroken = true;
  }

  #token(): void {
    const first = this.#sql[this.#at] ?? "";
    const isName = first === "`" || (first === '"' && this.#has(SqlMode.ANSI_QUOTES));
    if (isName) return this.#quoted("name", first, false);
    if (first === "'" || first === '"')
      return this.#quoted("string", first, !this.#has(SqlMode.NO_BACKSLASH_ESCAPES));
    const literal = this.#match(/(?:[xX]'[^']*'|[bB]'[^']*'|\d+\.?\d*(?:[eE][-+]?\d+)?)/y);
    const word = this.#match(/[\w$\u0080-\uffff]+/y);
    // A name may begin with digits; a literal that is as long as the word is one.
    if (literal !== "" && literal.length >= word.length) this.#push("number", literal);
    else if (word !== "") this.#push("word", word);
    else this.#push("symbol", first);
  }

  #has(mode: number): boolean {
    return (this.#dialect.sqlMode & mode) !== 0;
  }

  #push(kind: Token["kind"], text: string): void {
    this.#at += text.length;
    this.tokens.push({ kind, text, key: kind === "number" ? "" : text.toUpperCase() });
  }

  #quoted(kind: Token["kind"], quote: string, hasEscapes: boolean): void {
    const sql = this.#sql;
    let text = "";
    let at = this.#at + 1;
    for (; at < sql.length; at += 1) {
      const character = sql[at] ?? "";
      if (character === quote && sql[at + 1] !== quote) {
        this.#at = at + 1;
        this.tokens.push({ kind, text, key: "" });
        return;
      }
      if (character === quote) at += 1;
      const escaped = hasEscapes && character === "\\" ? sql[(at += 1)] : undefined;
      text += escaped === undefined ? character : (ESCAPES[escaped] ?? escaped);
    }
    this.isBroken = true;
  }
}
