import type { Token } from "./ddl-lexer.ts";

/** The statement, or a clause of it, is none that we know: its effect is unknown. Never leaves the parser. */
export class NotUnderstood extends Error {}

/** Reads words from left to right. */
export class TokenCursor {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The keyword or symbol `ahead` of the next; '' for what is none, and at the end. */
  key(ahead = 0): string {
    return this.#tokens[this.#at + ahead]?.key ?? "";
  }

  /** What kind of word comes next. */
  kind(ahead = 0): Token["kind"] | null {
    return this.#tokens[this.#at + ahead]?.kind ?? null;
  }

  /** @throws NotUnderstood at the end. */
  take(): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new NotUnderstood();
    this.#at += 1;
    return token;
  }

  /** Takes these keywords where they come next, separated by blanks; all of them or none. */
  has(words: string): boolean {
    const keys = words.split(" ");
    if (!keys.every((key, ahead) => this.key(ahead) === key)) return false;
    this.#at += keys.length;
    return true;
  }

  /** Takes one of these keywords. */
  hasOne(...words: readonly string[]): boolean {
    return words.some((word) => this.has(word));
  }

  /** @throws NotUnderstood where something else comes. */
  expect(words: string): void {
    if (!this.has(words)) throw new NotUnderstood();
  }

  /** @throws NotUnderstood where anything comes. */
  expectEnd(): void {
    if (!this.isAtEnd) throw new NotUnderstood();
  }

  /** A name, quoted or not. */
  name(): string {
    const { kind, text } = this.take();
    if (kind !== "word" && kind !== "name") throw new NotUnderstood();
    return text;
  }

  /** A column's name; a table's before it is passed by. */
  columnName(): string {
    let name = this.name();
    while (this.has(".")) name = this.name();
    return name;
  }

  /** A string, or several side by side. */
  string(): string {
    let text = "";
    do {
      const token = this.take();
      if (token.kind !== "string") throw new NotUnderstood();
      text += token.text;
    } while (this.kind() === "string");
    return text;
  }

  /** A whole number. */
  integer(): number {
    const { text } = this.take();
    if (!/^\d{1,10}$/.test(text)) throw new NotUnderstood();
    return Number(text);
  }

  /** What stands between parentheses, which come next. */
  group(): readonly Token[] {
    this.expect("(");
    const from = this.#at;
    for (let depth = 1; depth > 0;) {
      const { kind, key } = this.take();
      if (kind !== "symbol") continue;
      if (key === "(") depth += 1;
      else if (key === ")") depth -= 1;
    }
    return this.#tokens.slice(from, this.#at - 1);
  }

  /** The same as cursors, one for each part between commas. */
  groupParts(): readonly TokenCursor[] {
    return partsOf(this.group());
  }

  /** All that is left, parted at commas. */
  rest(): readonly TokenCursor[] {
    const rest = this.#tokens.slice(this.#at);
    this.#at = this.#tokens.length;
    return partsOf(rest);
  }

  /** All that is left. */
  skipRest(): void {
    this.#at = this.#tokens.length;
  }

  /** Moves behind this keyword, which comes next outside of parentheses; false where it does not come. */
  skipBehind(word: string): boolean {
    for (let depth = 0; !this.isAtEnd;) {
      const { key } = this.take();
      if (key === "(") depth += 1;
      if (key === ")") depth -= 1;
      if (depth === 0 && key === word) return true;
    }
    return false;
  }

  /** Whether this is so of any word that is left, and the one behind it. */
  some(isWanted: (key: string, next: string) => boolean): boolean {
    const rest = this.#tokens.slice(this.#at);
    return rest.some(({ key }, index) => isWanted(key, rest[index + 1]?.key ?? ""));
  }

  /** Whether this keyword comes anywhere outside of parentheses. */
  holds(word: string): boolean {
    let depth = 0;
    return this.#tokens.slice(this.#at).some(({ key }) => {
      if (key === "(") depth += 1;
      if (key === ")") depth -= 1;
      return depth === 0 && key === word;
    });
  }
}

function partsOf(tokens: readonly Token[]): readonly TokenCursor[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (token.key === "(") depth += 1;
    if (token.key === ")") depth -= 1;
    if (token.key === "," && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts.map((part) => new TokenCursor(part));
}
