import type { LogicalType } from "../model/logical-type.ts";
import { parsePath, pathText, type AttributePath } from "./attribute-path.ts";
import { compileTablePatterns, TablePatternError, type TablePatterns } from "./table-pattern.ts";

/*
 * Columns of tables whose rows are documents (DynamoDB's items): which attribute becomes which column, of which type. A file
 * says it in one text: `orders: customer text, total decimal(10,2), address.city as city text; lines: sku text`.
 */

/** A type that a column can be given. */
export interface ColumnType {
  /** As the file spells it, and as shapes keep it: `decimal(10,2)`. */
  readonly text: string;
  readonly logical: LogicalType;
}

const SIMPLE: readonly ColumnType[] = [
  { text: "text", logical: { kind: "text", maxChars: null } },
  { text: "decimal", logical: { kind: "decimal", precision: null, scale: null } },
  { text: "integer", logical: { kind: "int", bits: 32 } },
  { text: "bigint", logical: { kind: "int", bits: 64 } },
  { text: "double", logical: { kind: "float", bits: 64 } },
  { text: "boolean", logical: { kind: "boolean" } },
  { text: "bytes", logical: { kind: "bytes", maxBytes: null } },
  { text: "uuid", logical: { kind: "uuid" } },
  { text: "date", logical: { kind: "date" } },
  { text: "timestamptz", logical: { kind: "timestamptz", precision: 6 } },
  { text: "jsonb", logical: { kind: "jsonb" } },
];

/** The words for types, for messages. */
export const TYPE_WORDS: readonly string[] = [...SIMPLE.map(({ text }) => text), "decimal(p,s)"];

/** The type of a word; null where there is none of that name. */
export function columnType(word: string): ColumnType | null {
  const simple = SIMPLE.find(({ text }) => text === word.toLowerCase());
  if (simple !== undefined) return simple;
  const [, precision, scale] = /^decimal\((\d{1,4})(?:,(\d{1,4}))?\)$/i.exec(word) ?? [];
  if (precision === undefined) return null;
  const [p, s] = [Number(precision), Number(scale ?? 0)];
  if (p < 1 || p > 1_000 || s > p) return null;
  const logical = { kind: "decimal", precision: p, scale: s } as const;
  return { text: `decimal(${p},${s})`, logical };
}

/** A column of its own for what stands at a path of a table's documents. */
export interface ColumnRule {
  readonly tables: TablePatterns;
  readonly path: AttributePath;
  readonly column: string;
  readonly type: ColumnType;
}

/** Rules that cannot be read: `wrong` follows the text in a sentence. */
export class ColumnRuleError extends Error {
  override readonly name = "ColumnRuleError";
  readonly wrong: string;
  readonly remedy: string;

  constructor(wrong: string, remedy: string) {
    super(`${wrong}. ${remedy}`);
    this.wrong = wrong;
    this.remedy = remedy;
  }
}

const SHAPE =
  "Write TABLE: ATTRIBUTE TYPE, or TABLE: ATTRIBUTE as COLUMN TYPE, several separated by commas";
const NAME = String.raw`"(?:[^"\\]|\\.)*"|[^\s"]+`;
const COLUMN = new RegExp(
  String.raw`^(.+?)(?:\s+as\s+(${NAME}))?\s+([A-Za-z]+\s*(?:\([\d,\s]*\))?)$`,
  "is",
);

/**
 * Reads rules. Commas, semicolons and ends of lines separate columns; a table's pattern stands before a colon and holds for
 * the columns that follow. @throws ColumnRuleError
 */
export function parseColumnRules(text: string): readonly ColumnRule[] {
  const rules: ColumnRule[] = [];
  let tables: TablePatterns | null = null;
  for (const part of partsOf(text)) {
    const colon = outside(part, (char) => char === ":");
    if (colon >= 0) tables = patternsOf(part.slice(0, colon).trim());
    const column = part.slice(colon + 1).trim();
    if (column === "") continue;
    if (tables === null)
      throw new ColumnRuleError(`says of no table that it has "${column}"`, SHAPE);
    rules.push({ tables, ...columnOf(column) });
  }
  if (rules.length === 0) throw new ColumnRuleError("names no column", SHAPE);
  return rules;
}

/** The text of rules, which {@link parseColumnRules} reads again. */
export function columnRulesText(rules: readonly ColumnRule[]): string {
  return rules.map(({ tables, ...rule }) => `${tables.text}: ${columnText(rule)}`).join("; ");
}

/** A column as a file has it. */
export function columnText({ path, column, type }: Omit<ColumnRule, "tables">): string {
  return `${pathText(path)} as ${quoted(column)} ${type.text}`;
}

function quoted(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : pathText([name]);
}

function columnOf(text: string): Omit<ColumnRule, "tables"> {
  const [, from = "", as, word = ""] = COLUMN.exec(text) ?? [];
  const path = parsePath(from.trim());
  if (path === null)
    throw new ColumnRuleError(`has "${text}", which names no attribute and type`, SHAPE);
  const type = columnType(word.replaceAll(/\s/g, ""));
  if (type === null)
    throw new ColumnRuleError(
      `has "${text}" of a type that is not known`,
      `Write one of ${TYPE_WORDS.join(", ")}`,
    );
  const column = as === undefined ? lastName(path) : unquoted(as);
  if (column === null)
    throw new ColumnRuleError(
      `has "${text}", an element of a list, without a column's name`,
      "Write ATTRIBUTE as COLUMN TYPE",
    );
  return { path, column, type };
}

function lastName(path: AttributePath): string | null {
  const last = path.at(-1);
  return typeof last === "string" ? last : null;
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll(/\\(.)/g, "$1") : name;
}

function patternsOf(text: string): TablePatterns {
  try {
    return compileTablePatterns(text, [1, 2]);
  } catch (thrown) {
    if (!(thrown instanceof TablePatternError)) throw thrown;
    throw new ColumnRuleError(`names tables by "${text}": ${thrown.problem}`, thrown.remedy);
  }
}

/** Pieces between separators that stand in no quotes and no parentheses. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const at = outside(rest, (char) => char === "," || char === ";" || char === "\n");
    parts.push((at < 0 ? rest : rest.slice(0, at)).trim());
    if (at < 0) return parts.filter((part) => part !== "");
    rest = rest.slice(at + 1);
  }
}

/** Index of the first character that is looked for and stands in no quotes and no parentheses; -1 where there is none. */
function outside(text: string, isWanted: (char: string) => boolean): number {
  let depth = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (isQuoted && char === "\\") at += 1;
    else if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (char === "(") depth += 1;
    else if (char === ")") depth -= 1;
    else if (depth <= 0 && isWanted(char)) return at;
  }
  return -1;
}
