import { compileTablePatterns, sourceTableParts } from "../schema/table-pattern.ts";
import type { RouteRule } from "./rules.ts";

/** Where a table goes. */
export interface TargetName {
  readonly schema: string;
  readonly name: string;
}

/** A `sink-table` that cannot be read; `offset` counts UTF-16 units from its start. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly offset: number;
  readonly problem: string;
  readonly remedy: string;

  constructor(offset: number, problem: string, remedy: string) {
    super(`${problem}. ${remedy}`);
    this.offset = offset;
    this.problem = problem;
    this.remedy = remedy;
  }
}

/** A piece of a template: text as it stands, a capture group, or the source table's name. */
type Piece = string | { readonly group: number } | { readonly sourceName: true };

/** What a template is filled with. */
export interface TemplateInput {
  /** Capture groups, `$1` first. */
  readonly groups: readonly string[];
  /** The source table's name without schema. */
  readonly tableName: string;
  /** Where the table goes without a rule; its schema stands in for one that the template leaves out. */
  readonly fallback: TargetName;
}

/** Fills a template. */
export type Template = (input: TemplateInput) => TargetName;

/**
 * Parses a `sink-table`. It is split at its dots before anything is put in, so that a dot in a source table's name
 * stays in the name; `\.` is a dot in the target's name, `\$` a dollar sign.
 * @throws TemplateError
 */
export function parseTemplate(rule: RouteRule): Template {
  const parts = splitParts(rule).map(({ text, offset }) => parsePart(rule, text, offset));
  const [first, second] = parts;
  if (first === undefined || parts.length > 2) {
    throw new TemplateError(
      0,
      `The sink table has ${parts.length} parts instead of schema and table`,
      "Write `schema.table`; write `\\.` for a dot in a name.",
    );
  }
  checkGroups(rule, parts.flat());
  return (input) =>
    second === undefined
      ? { schema: input.fallback.schema, name: fill(first, input) }
      : { schema: fill(first, input), name: fill(second, input) };
}

function splitParts(rule: RouteRule): readonly { text: string; offset: number }[] {
  const parts: { text: string; offset: number }[] = [];
  for (const found of rule.sinkTable.matchAll(/(?:^|(?<!\\)\.)((?:\\.|[^.\\])*)/gs)) {
    const text = found[1] ?? "";
    const offset = found.index + found[0].length - text.length;
    if (text.trim() === "") {
      throw new TemplateError(
        offset,
        "A part of the sink table is empty",
        "Write `schema.table`, or `table` to keep the schema.",
      );
    }
    parts.push({ text, offset });
  }
  return parts;
}

function parsePart(rule: RouteRule, text: string, offset: number): readonly Piece[] {
  const { replaceSymbol } = rule;
  if (replaceSymbol !== undefined && replaceSymbol !== "") {
    const between = text.split(replaceSymbol).map((piece) => unescape(piece));
    checkNoGroups(text, offset);
    return between.flatMap((piece, index) =>
      index === 0 ? [piece] : [{ sourceName: true }, piece],
    );
  }
  checkNoSymbol(text, offset);
  return text
    .split(/(?<!\\)(\$\d+)/)
    .map((piece) => (/^\$\d+$/.test(piece) ? { group: Number(piece.slice(1)) } : unescape(piece)));
}

/** Flink CDC's own examples have it: taken as it stands, every table would go to one target of that name. */
function checkNoSymbol(text: string, offset: number): void {
  const at = text.indexOf("<>");
  if (at === -1) return;
  throw new TemplateError(
    offset + at,
    "`<>` stands for the source table's name only where the rule says so",
    "Write `replace-symbol: <>` beside sink-table, or capture the name with a group and write `$1`.",
  );
}

function unescape(text: string): string {
  return text.replace(/\\([.$\\])/g, "$1");
}

function checkNoGroups(text: string, offset: number): void {
  const at = text.search(/(?<!\\)\$\d/);
  if (at === -1) return;
  throw new TemplateError(
    offset + at,
    "Capture groups and a replace symbol do not go together",
    "Take replace-symbol away and capture the table's name, or write `\\$` for the character itself.",
  );
}

function checkGroups(rule: RouteRule, pieces: readonly Piece[]): void {
  for (const piece of pieces) {
    if (typeof piece === "string" || !("group" in piece)) continue;
    const count = groupCount(rule.sourceTable);
    if (piece.group >= 1 && piece.group <= count) continue;
    throw new TemplateError(
      rule.sinkTable.indexOf(`$${piece.group}`),
      `$${piece.group} names a capture group that source-table does not have (it has ${count})`,
      "Put what it shall stand for in parentheses in source-table, or write `\\$` for the character itself.",
    );
  }
}

/** How many capture groups every item of the pattern has at least; a pattern that cannot be read has its own error. */
function groupCount(sourceTable: string): number {
  try {
    return compileTablePatterns(sourceTable, sourceTableParts).groupCount;
  } catch {
    return Number.MAX_SAFE_INTEGER;
  }
}

function fill(pieces: readonly Piece[], input: TemplateInput): string {
  return pieces
    .map((piece) => {
      if (typeof piece === "string") return piece;
      return "group" in piece ? (input.groups[piece.group - 1] ?? "") : input.tableName;
    })
    .join("");
}
