import { tableId, type Column } from "../../model/table.ts";
import type { Queryable, TextRow } from "./connection.ts";
import { charsetOfCollationName } from "./ddl-charset.ts";
import { makeColumn, type MysqlShape, named, numbered } from "./ddl-shape.ts";
import { quoteLabel } from "./ddl-types.ts";
import { parseColumnType, type TypeOptions } from "./types.ts";

/** A table as the catalogue names it. */
export interface CatalogueName {
  readonly schema: string;
  readonly name: string;
}

/** What a row of the answer is about. */
const TABLES = "t";
const COLUMNS = "c";

/**
 * The present shapes of base tables, all in one statement; one that is gone, or that this user may not see, is absent.
 * Reading is not one moment for a table that is being altered: a shape belongs to a place of the log only if no DDL of
 * the table is near it. @throws MillraceError
 */
export async function readShapes(
  client: Queryable,
  tables: readonly CatalogueName[],
  types: TypeOptions,
): Promise<MysqlShape[]> {
  if (tables.length === 0) return [];
  const bySchema = Map.groupBy(tables, ({ schema }) => schema);
  const parts = [...bySchema].map(([schema, of]) =>
    selectOf(
      schema,
      of.map(({ name }) => name),
    ),
  );
  const sql = parts.map((part) => part.sql).join(" UNION ALL ");
  const rows = await client.query(
    `${sql} ORDER BY 1, 2, 3, 4`,
    parts.flatMap((part) => part.values),
  );
  const byTable = Map.groupBy(rows, ([, schema, name]) => tableId(schema ?? "", name ?? ""));
  return tables.flatMap(({ schema, name }) => {
    const shape = shapeOf(schema, name, byTable.get(tableId(schema, name)) ?? [], types);
    return shape === null ? [] : [shape];
  });
}

/** Default charsets of databases; one that is gone is absent. @throws MillraceError */
export async function readDatabaseCharsets(client: Queryable): Promise<Map<string, string>> {
  const rows = await client.query(
    "SELECT schema_name, default_character_set_name FROM information_schema.schemata",
  );
  return new Map(rows.map(([name, charset]) => [name ?? "", canonicalCharset(charset ?? "")]));
}

/**
 * Equality lets MariaDB open the one table instead of all of them. It takes names that differ in case alone for one
 * name, and the first of them for all: the empty one keeps them apart.
 */
function selectOf(
  schema: string,
  names: readonly string[],
): { readonly sql: string; readonly values: string[] } {
  const which = names.length === 1 ? "= ?" : `IN ('', ${names.map(() => "?").join(", ")})`;
  const where = `WHERE table_schema = ? AND table_name ${which}`;
  const values = [schema, ...names];
  return {
    sql: `SELECT '${TABLES}' kind, table_schema, table_name, 0 nth, table_type a, table_collation b, NULL c, NULL d, NULL e, NULL f
        FROM information_schema.tables ${where}
      UNION ALL SELECT '${COLUMNS}', table_schema, table_name, ordinal_position, column_name, column_type,
        character_set_name, is_nullable, generation_expression, extra FROM information_schema.columns ${where}
      UNION ALL SELECT 'k', table_schema, table_name, seq_in_index, column_name, NULL, NULL, NULL, NULL, NULL
        FROM information_schema.statistics ${where} AND index_name = 'PRIMARY'`,
    values: [...values, ...values, ...values],
  };
}

function shapeOf(
  schema: string,
  name: string,
  rows: readonly TextRow[],
  types: TypeOptions,
): MysqlShape | null {
  const table = rows.find(([kind]) => kind === TABLES);
  const [, , , , tableType, collation] = table ?? [];
  const isVersioned = tableType === "SYSTEM VERSIONED";
  if (tableType !== "BASE TABLE" && !isVersioned) return null;
  const columnRows = rows.filter(([kind]) => kind === COLUMNS);
  const columns = columnRows.flatMap((row) => columnOf(row, types) ?? []);
  const key = rows
    .filter(([kind]) => kind === "k")
    .map((row) => columns.findIndex((column) => column.name === row[4]));
  if (columns.length < columnRows.length || key.includes(-1)) return null;
  const counted = columnRows.find((row) => row[9]?.includes("auto_increment"));
  const { columns: all, nextOrdinal } = numbered(columns, 1);
  // The key of a versioned table has the row's end in it, its columns come and go by other clauses.
  const isOpen = isVersioned || (collation ?? null) === null;
  const charset = isOpen ? null : charsetOfCollationName(collation ?? "");
  const facts = { charset, autoIncrement: counted?.[4] ?? null, nextOrdinal };
  return { ...named(schema, name), columns: all, key, facts };
}

function columnOf(row: TextRow, types: TypeOptions): Column | null {
  const [, , , , name, type, charset, nullable, expression] = row;
  const sourceType = canonicalType(type ?? "", charset ?? null);
  const generated = (expression ?? "") !== "";
  const facts = { name: name ?? "", sourceType, nullable: nullable === "YES", generated };
  return makeColumn(facts, types);
}

const canonicalCharset = (name: string): string => (name === "utf8" ? "utf8mb3" : name);

const WITHOUT_WIDTH = new Set(["tinyint", "smallint", "mediumint", "int", "bigint", "year"]);

/** `Column.sourceType` of a COLUMN_TYPE: what both servers and their versions spell in different ways in one way. */
export function canonicalType(columnType: string, charset: string | null): string {
  const type = parseColumnType(columnType);
  if (type === null) return columnType;
  const { base, numbers, labels, unsigned } = type;
  const isBoolean = base === "tinyint" && numbers[0] === 1 && !unsigned;
  const hasNumbers = numbers.length > 0 && (isBoolean || !WITHOUT_WIDTH.has(base));
  const inside = labels.length > 0 ? labels.map(quoteLabel) : hasNumbers ? numbers : [];
  return [
    base,
    inside.length > 0 ? `(${inside.join(",")})` : "",
    unsigned ? " unsigned" : "",
    labels.length === 0 && columnType.includes("COMPRESSED") ? " compressed" : "",
    charset === null || charset === "binary" ? "" : ` character set ${canonicalCharset(charset)}`,
  ].join("");
}
