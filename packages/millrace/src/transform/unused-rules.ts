import { tableParts, type TableId, type TableShape } from "../model/table.ts";
import { compileTablePatterns, sourceTableParts } from "../schema/table-pattern.ts";
import type { ColumnRule, RouteRule, RuleProblem } from "./rules.ts";
import { choicesOf } from "./rules.ts";

/** A rule that does nothing, by its list and its place in it. */
export interface UnusedRule extends RuleProblem {
  readonly list: "route" | "transform";
  readonly index: number;
  /** The pattern that matches no table, where that is the problem. */
  readonly pattern?: string;
}

/**
 * Rules that match none of the captured tables, and columns that no matched table has. To be asked after discovery: a
 * misspelt name in `mask-columns` would otherwise let the values through. What a rule means for tables that wait until
 * they can be captured nobody knows yet: one that matches those is for them.
 */
export function unusedRules(
  rules: { readonly routes: readonly RouteRule[]; readonly columns: readonly ColumnRule[] },
  shapes: readonly TableShape[],
  database = "",
  waiting: readonly TableId[] = [],
): readonly UnusedRule[] {
  const matched = <T extends { readonly schema: string; readonly name: string }>(
    sourceTable: string,
    tables: readonly T[],
  ): T[] => {
    const pattern = compileTablePatterns(sourceTable, sourceTableParts);
    return tables.filter(({ schema, name }) => pattern.match([database, schema, name]) !== null);
  };
  const isForWaiting = (sourceTable: string) =>
    matched(sourceTable, waiting.map(tableParts)).length > 0;
  const unused: UnusedRule[] = [];
  for (const [index, { sourceTable }] of rules.routes.entries()) {
    if (matched(sourceTable, shapes).length === 0 && !isForWaiting(sourceTable))
      unused.push(noTable("route", index, sourceTable));
  }
  for (const [index, rule] of rules.columns.entries()) {
    const tables = matched(rule.sourceTable, shapes);
    if (isForWaiting(rule.sourceTable)) continue;
    if (tables.length === 0) unused.push(noTable("transform", index, rule.sourceTable));
    else unused.push(...missingColumns(rule, index, tables));
  }
  return unused;
}

function noTable(list: UnusedRule["list"], index: number, pattern: string): UnusedRule {
  return {
    pattern,
    list,
    index,
    field: "source-table",
    offset: null,
    problem: "The pattern matches no captured table",
    remedy: "Compare it with the names of the captured tables, or take the rule away.",
  };
}

function missingColumns(
  rule: ColumnRule,
  index: number,
  tables: readonly TableShape[],
): readonly UnusedRule[] {
  const names = new Set(tables.flatMap(({ columns }) => columns.map(({ name }) => name)));
  return choicesOf(rule).flatMap(([field, columns]) =>
    columns
      .filter((column) => !names.has(column))
      .map((column) => ({
        list: "transform" as const,
        index,
        field,
        offset: null,
        problem: `No matched table has a column "${column}"`,
        remedy: "Correct the name; a column that is not named goes to the sink as it is.",
      })),
  );
}
