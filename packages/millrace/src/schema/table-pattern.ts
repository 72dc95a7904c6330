/**
 * Table patterns in Flink CDC's spelling: a comma list; the unescaped dot separates the parts of a name; `\.` is the
 * regular expression's dot, so that `\.*` means any characters; `\\.` is a dot in a name. Every part is a regular
 * expression that must match the whole part.
 */

/** Numbers of parts that a `source-table` pattern may have: `schema.table`, or with the database before it. */
export const sourceTableParts: readonly number[] = [2, 3];

/** What a pattern found: the capture groups, numbered from `$1` through all parts. */
export interface TableMatch {
  readonly groups: readonly string[];
}

/** A compiled comma list. */
export interface TablePatterns {
  readonly text: string;
  /** How many capture groups every item has at least. */
  readonly groupCount: number;
  /**
   * Matches a name given as its parts, outermost first, e.g. `["shop", "public", "orders"]`. An item with fewer parts
   * looks at the last ones. Null where no item matches.
   */
  match(parts: readonly string[]): TableMatch | null;
  readonly items: readonly TablePattern[];
}

/** One item of the list. */
export interface TablePattern {
  /** As it is written, part by part. */
  readonly parts: readonly string[];
  /** Whether a part of this number, by itself, matches. */
  matchesPart(index: number, name: string): boolean;
}

/** A pattern that cannot be read. `offset` counts UTF-16 units from the start of the pattern's text. */
export class TablePatternError extends Error {
  override readonly name = "TablePatternError";
  readonly offset: number;
  readonly problem: string;
  readonly remedy: string;

  constructor(offset: number, problem: string, remedy: string) {
    super(`${problem} (at character ${offset + 1}). ${remedy}`);
    this.offset = offset;
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** One part of one item, as regular expression text. */
interface Part {
  readonly regex: string;
  readonly text: string;
  readonly offset: number;
}

interface Item {
  readonly parts: readonly Part[];
  readonly offset: number;
}

/** Cannot stand in a name of any database, so that no expression reaches over it into the next part. */
const partSeparator = "\0";

/**
 * Compiles a comma list of patterns; `partCounts` says how many parts an item may have.
 * @throws TablePatternError with the place of the first mistake.
 */
export function compileTablePatterns(text: string, partCounts: readonly number[]): TablePatterns {
  const compiled = new ItemScanner(text).scan().map((item) => {
    checkPartCount(item, partCounts);
    return { regex: compileItem(item), count: item.parts.length, item };
  });
  return {
    text,
    groupCount: Math.min(...compiled.map(({ regex }) => groupsOf(regex))),
    match(parts) {
      for (const { regex, count } of compiled) {
        if (count > parts.length) continue;
        const found = regex.exec(parts.slice(parts.length - count).join(partSeparator));
        if (found !== null) return { groups: found.slice(1).map((group) => group ?? "") };
      }
      return null;
    },
    items: compiled.map(({ item }) => patternOf(item)),
  };
}

/** What is written as a part of a pattern to mean just this name. */
export function partFor(name: string): string {
  return name
    .replaceAll(/[\\^$*+?()[\]{}|,]/g, String.raw`\$&`)
    .replaceAll(".", String.raw`\\.`)
    .replace(/^\s|\s$/g, "[$&]");
}

function patternOf({ parts }: Item): TablePattern {
  const regexes = parts.map(({ regex }) => new RegExp(`^(?:${regex})$`, "s"));
  return {
    parts: parts.map(({ text }) => text),
    matchesPart: (index, name) => regexes[index]?.test(name) === true,
  };
}

function checkPartCount(item: Item, partCounts: readonly number[]): void {
  const count = item.parts.length;
  if (partCounts.includes(count)) return;
  const whole = partCounts.every((most) => most === 3) ? "Write `database.schema.table`. " : "";
  throw new TablePatternError(
    item.offset,
    `The pattern has ${count} part${count === 1 ? "" : "s"} instead of ${partCounts.join(" or ")}`,
    `${whole}A plain dot separates the parts of a name; write \`\\.\` where you mean any character, \`\\\\.\` where you mean a dot in a name.`,
  );
}

function compileItem(item: Item): RegExp {
  for (const part of item.parts) checkPart(part, item);
  const body = item.parts.map((part) => `(?:${part.regex})`).join(partSeparator);
  return new RegExp(`^${body}$`, "s");
}

/** An empty alternative matches without a look at anything and tells how many groups there are. */
function groupsOf(regex: RegExp): number {
  return (new RegExp(`${regex.source}|`).exec("")?.length ?? 1) - 1;
}

function checkPart(part: Part, { parts }: Item): void {
  try {
    RegExp(part.regex, "s");
  } catch (cause) {
    const why =
      cause instanceof Error ? cause.message.replace(/^.*\/[a-z]*: /s, "") : String(cause);
    throw new TablePatternError(
      part.offset,
      `The part is not a regular expression: ${why}`,
      part.text === "*"
        ? `A \`*\` repeats what stands before it; write \`${allOf(parts)}\` for any name.`
        : "Write `\\.*` for any characters; a plain dot separates the parts of a name.",
    );
  }
}

/** Written as a glob: what was meant by it. */
function allOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => (text === "*" ? String.raw`\.*` : text)).join(".");
}

/** Reads the list character by character: what splits, and what only looks as if it did. */
class ItemScanner {
  readonly #text: string;
  readonly #items: Item[] = [];
  #parts: Part[] = [];
  #regex = "";
  #partOffset = 0;
  #itemOffset = 0;
  /** Closing characters that are still owed, innermost last, and where they were opened. */
  #open: { readonly close: string; readonly offset: number }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  scan(): readonly Item[] {
    const { length } = this.#text;
    for (let at = 0; at < length;) at += this.#step(at);
    this.#endItem(length);
    return this.#items;
  }

  /** Takes what stands at `at` and says how many characters that was. */
  #step(at: number): number {
    const char = this.#text.charAt(at);
    if (char === "\\") return this.#escape(at);
    const innermost = this.#open.at(-1);
    if (innermost?.close === "]") {
      this.#take(char, at);
      if (char === "]") this.#open.pop();
    } else if (char === "." && innermost === undefined) this.#endPart(at);
    else if (char === "," && innermost === undefined) this.#endItem(at);
    else if (char === ".") throw this.#dotInGroup(at);
    else this.#bracket(char, at);
    return 1;
  }

  #bracket(char: string, at: number): void {
    const close = { "[": "]", "{": "}", "(": ")" }[char];
    if (close !== undefined) this.#open.push({ close, offset: at });
    else if (char === this.#open.at(-1)?.close) this.#open.pop();
    this.#take(char, at);
  }

  #escape(at: number): number {
    const next = this.#text.charAt(at + 1);
    if (next === "") {
      throw new TablePatternError(at, "The pattern ends with a backslash", "Take it away.");
    }
    if (next === "\\" && this.#text.charAt(at + 2) === ".") {
      this.#take("\\.", at);
      return 3;
    }
    this.#take(next === "." || next === "," ? next : `\\${next}`, at);
    return 2;
  }

  #take(regex: string, at: number): void {
    if (this.#regex === "" && regex.trim() === "") return;
    if (this.#regex === "") {
      this.#partOffset = at;
      if (this.#parts.length === 0) this.#itemOffset = at;
    }
    this.#regex += regex;
  }

  #endPart(at: number): void {
    const regex = this.#regex.trimEnd();
    if (regex === "") {
      throw new TablePatternError(
        at,
        "A part of the pattern is empty",
        "Write a name, or `\\.*` for any name.",
      );
    }
    const text = this.#text.slice(this.#partOffset, at).trimEnd();
    this.#parts.push({ regex, text, offset: this.#partOffset });
    this.#regex = "";
  }

  #endItem(at: number): void {
    const unclosed = this.#open.at(-1);
    if (unclosed !== undefined) {
      const opened = this.#text.charAt(unclosed.offset);
      throw new TablePatternError(
        unclosed.offset,
        `"${opened}" is never closed`,
        `Add "${unclosed.close}", or write "\\${opened}" for the character itself.`,
      );
    }
    this.#endPart(at);
    this.#items.push({ parts: this.#parts, offset: this.#itemOffset });
    this.#parts = [];
  }

  #dotInGroup(at: number): TablePatternError {
    return new TablePatternError(
      at,
      "A plain dot separates the parts of a name and cannot stand inside a group",
      "Write `\\.` for any character; close the group before the dot to separate the parts.",
    );
  }
}
