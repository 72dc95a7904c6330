/** The rules that only the catalogue can tell: asked inside the transaction, right after its DDL ran. */
import { literal, type TextRow } from "../postgres/rows.ts";
import { bounds, type LimitName, type Limits } from "../rules/bounds.ts";
import { ruleNames, violation, type RuleName } from "../rules/table.ts";
import type { Violation } from "../rules/rule.ts";

/** Types that columns may have (source DT), as PostgreSQL's own names. */
const COLUMN_TYPES = [
  "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "bpchar", "varchar", "text",
  "date", "time", "timestamp", "timestamptz", "timetz", "interval", "uuid", "bytea", "json", "jsonb",
]; // prettier-ignore

/** Those of them that no key may hold (source DT, S). */
const NOT_IN_KEYS = ["timetz", "interval", "bytea", "json", "jsonb"];

function types(names: readonly string[]): string {
  return names.map(literal).join(", ");
}

/** A CTE of the tables in question. */
function touched(tables: readonly string[]): string {
  const oids = tables.map((table) => `to_regclass(${literal(table)})::oid`);
  return `touched AS (SELECT unnest(ARRAY[${oids.join(", ")}]::oid[]) AS oid)`;
}

const COLUMNS = `columns AS (
  SELECT a.attrelid, a.atttypid, a.atttypmod,
    COALESCE(b.typname, t.typname) AS base, t.typtype, format_type(a.atttypid, NULL) AS shown
  FROM touched JOIN pg_attribute AS a ON a.attrelid = touched.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind = 'r'
  JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype)`;

const KEYS = `keys AS (
  SELECT i.indexrelid, i.indrelid, i.indnkeyatts, a.attnum, a.atttypmod,
    COALESCE(b.typname, t.typname) AS base, format_type(a.atttypid, NULL) AS shown
  FROM touched JOIN pg_index AS i ON i.indrelid = touched.oid
  JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum BETWEEN 1 AND i.indnkeyatts
  JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype)`;

const USER_SCHEMAS = `(SELECT oid FROM pg_namespace
  WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'sys'))`;

const typeChecks = (limits: Limits): string => `
  SELECT 'columnType', shown FROM columns WHERE base NOT IN (${types(COLUMN_TYPES)})
  UNION ALL SELECT 'charSize', '' FROM columns WHERE base = 'bpchar' AND atttypmod - 4 > ${bounds.charBytes}
  UNION ALL SELECT 'varcharSize', '' FROM columns WHERE base = 'varchar' AND atttypmod - 4 > ${bounds.varcharBytes}
  UNION ALL SELECT CASE WHEN EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = attrelid AND i.indisprimary)
      THEN 'indexColumns' ELSE 'tableColumns' END, ''
    FROM columns GROUP BY attrelid HAVING count(*) > ${limits.columnsPerTable + 1}`;

/** What a search path with pg_temp made; ours are for a moment there too. */
const temporaryCheck = `
  SELECT CASE relkind WHEN 'r' THEN 'temporaryTable' ELSE 'temporaryObject' END,
      CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'SEQUENCE' END
    FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S') AND NOT starts_with(relname, '_dl_')
  UNION ALL SELECT 'temporaryObject', 'FUNCTION' FROM pg_proc WHERE pronamespace = pg_my_temp_schema()
  UNION ALL SELECT 'temporaryObject', 'DOMAIN' FROM pg_type WHERE typnamespace = pg_my_temp_schema() AND typtype = 'd'
  ORDER BY 1 DESC`;

const keyChecks = (limits: Limits): string => `
  SELECT 'keyType', shown FROM keys WHERE base IN (${types(NOT_IN_KEYS)}) OR base NOT IN (${types(COLUMN_TYPES)})
  UNION ALL SELECT 'keyColumns', '' FROM keys WHERE indnkeyatts > ${limits.columnsPerKey}
  UNION ALL SELECT 'declaredKeySize', '' FROM keys WHERE base IN ('bpchar', 'varchar') AND atttypmod > 4
    GROUP BY indexrelid HAVING sum(atttypmod - 4) > ${bounds.declaredKeyBytes}`;

const countChecks = (limits: Limits): string => `
  SELECT 'tableIndexes', '' FROM touched JOIN pg_index AS i ON i.indrelid = touched.oid
    GROUP BY i.indrelid HAVING count(*) > ${limits.indexesPerTable}
  UNION ALL SELECT 'tableStatistics', '' FROM pg_statistic_ext
    GROUP BY stxrelid HAVING count(*) > ${limits.statisticsPerTable}
  UNION ALL SELECT 'schemas', '' FROM ${USER_SCHEMAS} AS s JOIN pg_namespace AS n ON n.oid = s.oid
    WHERE n.nspname <> 'public' HAVING count(*) > ${limits.schemas}
  UNION ALL SELECT 'tables', '' FROM pg_class WHERE relkind = 'r' AND relnamespace IN ${USER_SCHEMAS} AND NOT starts_with(relname, '_dl_')
    HAVING count(*) > ${limits.tables}
  UNION ALL SELECT 'views', '' FROM pg_class WHERE relkind = 'v' AND relnamespace IN ${USER_SCHEMAS}
    HAVING count(*) > ${limits.views}
  UNION ALL SELECT 'sequences', '' FROM pg_class WHERE relkind = 'S' AND relnamespace IN ${USER_SCHEMAS}
    HAVING count(*) > ${limits.sequences}`;

/** The query that finds broken rules around these tables (names as to_regclass takes them). */
export function catalogueQuery(tables: readonly string[], limits: Limits): string {
  return `WITH ${touched(tables)}, ${COLUMNS}, ${KEYS}
    SELECT * FROM ((${temporaryCheck}) UNION ALL ${typeChecks(limits)} UNION ALL ${keyChecks(limits)} UNION ALL ${countChecks(limits)}) AS broken (rule, shown) LIMIT 1`;
}

/** What the query may find, with the limit that its text tells where a test may have set it. */
const CHECKED: Readonly<Partial<Record<RuleName, LimitName | undefined>>> = {
  columnType: undefined, charSize: undefined, varcharSize: undefined, keyType: undefined, declaredKeySize: undefined,
  tableColumns: "columnsPerTable", indexColumns: "columnsPerTable", keyColumns: "columnsPerKey",
  tableIndexes: "indexesPerTable", tableStatistics: "statisticsPerTable", schemas: "schemas", tables: "tables",
  views: "views", sequences: "sequences", temporaryTable: undefined, temporaryObject: undefined,
}; // prettier-ignore

/** The Violation that a row of the query's answer speaks of. */
export function brokenRule(row: TextRow | undefined, limits: Limits): Violation | undefined {
  const name = ruleNames.find((candidate) => candidate in CHECKED && candidate === row?.[0]);
  if (name === undefined) return undefined;
  const bound = CHECKED[name];
  const type = row?.[1] ?? "";
  if (bound === undefined) return violation(name, { type, what: type });
  // The index that is the table has room for one column more.
  return violation(name, { limit: limits[bound] + (name === "indexColumns" ? 1 : 0) });
}
