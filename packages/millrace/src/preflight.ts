import type { PipelineConfig } from "./config/pipeline-config.ts";
import { ConfigError } from "./config/problem.ts";
import type { Place, Problem } from "./config/problem.ts";
import { revealed } from "./config/rules.ts";
import { unmatchedPatterns } from "./config/unmatched-patterns.ts";
import type { DiscoveredTable, RefusedTable, Source } from "./model/source.ts";
import { type TableId, tableParts } from "./model/table.ts";
import {
  nothingCaptured,
  TABLES_OPTION,
  uncaptured,
  type UnmatchedPattern,
} from "./model/uncaptured.ts";
import { compileTablePatterns, sourceTableParts } from "./schema/table-pattern.ts";
import { unusedRules } from "./transform/unused-rules.ts";

/**
 * What the source says about a file before anything is touched: the tables that it captures. A table that cannot be
 * captured is in the way only where `stops` says so: of a pipeline that has begun, those that it captured until now; newcomers
 * wait (newcomers.ts).
 * @throws ConfigError when no table matches, one that matches cannot be captured, or a rule or a hidden column matches
 * nothing (a misspelt column in `mask-columns` would let its values through).
 */
export async function preflight(
  config: PipelineConfig,
  source: Source,
  stops?: (table: TableId) => boolean,
): Promise<readonly DiscoveredTable[]> {
  const tables = await source.discover();
  const refused = (await source.refusals?.()) ?? [];
  const waits = ({ id }: RefusedTable) => stops?.(id) === false;
  const wasCaptured = stops !== undefined;
  const problems = [
    ...refused
      .filter((table) => !waits(table))
      .map((table) => refusedTable(config, table, wasCaptured)),
    ...(tables.length + refused.length === 0
      ? [noTables(config, (await source.unmatched?.()) ?? [])]
      : []),
    ...ruleProblems(
      config,
      tables,
      refused.filter(waits).map(({ id }) => id),
    ),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return tables;
}

/** DynamoDB's tables are chosen by name or by tags, not by patterns. */
const WHITELIST = "source.dynamodb.table.whitelist";

function refusedTable(config: PipelineConfig, table: RefusedTable, wasCaptured: boolean): Problem {
  if (config.source.kind === "dynamodb") {
    const remedy = `${table.remedy.charAt(0).toUpperCase()}${table.remedy.slice(1)}`;
    const wrong = `${table.id} ${table.why}`;
    return { place: placeOf(config, WHITELIST), path: WHITELIST, wrong, remedy };
  }
  return {
    place: placeOf(config, TABLES_OPTION),
    path: TABLES_OPTION,
    ...uncaptured(table, wasCaptured),
  };
}

function noTables(config: PipelineConfig, unmatched: readonly UnmatchedPattern[]): Problem {
  const { source } = config;
  const username = "username" in source ? source.username : null;
  const place = placeOf(config, TABLES_OPTION);
  return {
    place,
    path: TABLES_OPTION,
    ...nothingCaptured(source.database, username ?? "", unmatched),
  };
}

/** Rules, and columns in rules, that none of the captured tables has; nothing where there is no table to look at. */
export function ruleProblems(
  config: PipelineConfig,
  tables: readonly DiscoveredTable[],
  waiting: readonly TableId[] = [],
): Problem[] {
  if (tables.length === 0) return [];
  const rules = { routes: config.routes, columns: config.columnChoices.map(revealed) };
  const shapes = tables.map(({ shape }) => shape);
  const database = config.source.database ?? "";
  return unusedRules(rules, shapes, database, waiting).map(
    ({ list, index, field, problem, remedy: otherwise, pattern }) => {
      const names = [...shapes, ...waiting.map(tableParts)];
      const remedy = pattern === undefined ? null : meantTable(pattern, names, database);
      const path = `${list}[${index}].${field}`;
      const wrong = `${problem.charAt(0).toLowerCase()}${problem.slice(1)}`;
      return { place: placeOf(config, path), path, wrong, remedy: remedy ?? otherwise };
    },
  );
}

/** The pattern of a rule that matches no table as it was probably meant; null where nothing is near. */
function meantTable(
  pattern: string,
  tables: readonly { readonly schema: string; readonly name: string }[],
  database: string,
): string | null {
  const { items } = compileTablePatterns(pattern, sourceTableParts);
  const meant = items.flatMap((item) => {
    const names = tables.map(({ schema, name }) =>
      [database, schema, name].slice(-item.parts.length),
    );
    return unmatchedPatterns({ items: [item] }, names).flatMap((found) => found.meant ?? []);
  });
  return meant.length === 0 ? null : `Did you mean ${meant.join(", ")}?`;
}

function placeOf(config: PipelineConfig, path: string): Place {
  return config.places.get(path) ?? { file: config.file, line: null, column: null };
}
