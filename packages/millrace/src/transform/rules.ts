import {
  compileTablePatterns,
  sourceTableParts,
  TablePatternError,
} from "../schema/table-pattern.ts";
import { parseTemplate, TemplateError } from "./target-template.ts";

/** Whether a table goes to the target of every matching rule or of the first one only. */
export type RouteMode = "ALL_MATCH" | "FIRST_MATCH";

/** One entry of `route:`. */
export interface RouteRule {
  /** A table pattern (`schema/table-pattern.ts`). */
  readonly sourceTable: string;
  /** `schema.table`, with `$1` for capture groups or the replace symbol for the source table's name. */
  readonly sinkTable: string;
  readonly replaceSymbol?: string;
  readonly description?: string;
}

/**
 * What becomes of some tables' columns on the way: one entry of `transform:`. Unlike Flink CDC's projections, every
 * matching rule applies, so that the order of the rules never uncovers a value.
 */
export interface ColumnRule {
  readonly sourceTable: string;
  /** Columns that are left out. */
  readonly exclude?: readonly string[];
  /** Columns whose values are replaced by `text`; NULL stays NULL. */
  readonly mask?: { readonly columns: readonly string[]; readonly text: string };
  /** Columns whose values are replaced by their HMAC-SHA-256 under `key`, in hexadecimal; NULL stays NULL. */
  readonly hash?: { readonly columns: readonly string[]; readonly key: string };
  readonly description?: string;
}

/** Something about a rule that cannot work, for the place in the file that `field` names. */
export interface RuleProblem {
  readonly field:
    | "source-table"
    | "sink-table"
    | "replace-symbol"
    | "exclude-columns"
    | "mask-columns"
    | "hash-columns"
    | "hash-key";
  /** Where in the field's text, in UTF-16 units; null for the whole field. */
  readonly offset: number | null;
  readonly problem: string;
  readonly remedy: string;
}

/** Everything that is wrong with a route as far as it can be known without servers; empty when nothing is. */
export function checkRouteRule(rule: RouteRule): readonly RuleProblem[] {
  return [
    ...checkPattern(rule.sourceTable),
    ...attempt("sink-table", () => parseTemplate(rule)),
    ...(rule.replaceSymbol === "" ? [emptySymbol] : []),
  ];
}

/** Everything that is wrong with a column rule as far as it can be known without servers. */
export function checkColumnRule(rule: ColumnRule): readonly RuleProblem[] {
  const problems = [...checkPattern(rule.sourceTable)];
  if (rule.hash?.key === "") problems.push(emptyKey);
  const taken = new Map<string, RuleProblem["field"]>();
  for (const [field, columns] of choicesOf(rule)) {
    for (const column of columns) {
      const other = taken.get(column);
      if (other !== undefined) problems.push(namedTwice(field, column, other));
      taken.set(column, field);
    }
  }
  return problems;
}

/** The columns that a rule names, by the field that names them. */
export function choicesOf(
  rule: ColumnRule,
): readonly (readonly ["exclude-columns" | "mask-columns" | "hash-columns", readonly string[]])[] {
  return [
    ["exclude-columns", rule.exclude ?? []],
    ["mask-columns", rule.mask?.columns ?? []],
    ["hash-columns", rule.hash?.columns ?? []],
  ];
}

const emptySymbol: RuleProblem = {
  field: "replace-symbol",
  offset: null,
  problem: "The replace symbol is empty",
  remedy: "Write a symbol that stands in sink-table, such as `<>`, or leave the option out.",
};

const emptyKey: RuleProblem = {
  field: "hash-key",
  offset: null,
  problem: "The hash key is empty, so that anyone could compute the hashes",
  remedy: "Give a secret of at least 32 characters, e.g. by `${env:HASH_KEY}`.",
};

function namedTwice(
  field: RuleProblem["field"],
  column: string,
  other: RuleProblem["field"],
): RuleProblem {
  return {
    field,
    offset: null,
    problem: `Column "${column}" is named in ${field === other ? `${field} twice` : `${other} too`}`,
    remedy: "Name every column once.",
  };
}

function checkPattern(text: string): readonly RuleProblem[] {
  return attempt("source-table", () => compileTablePatterns(text, sourceTableParts));
}

function attempt(field: RuleProblem["field"], parse: () => unknown): readonly RuleProblem[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (error instanceof TablePatternError || error instanceof TemplateError) {
      const { offset, problem, remedy } = error;
      return [{ field, offset, problem, remedy }];
    }
    throw error;
  }
}
