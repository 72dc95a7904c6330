import { classify } from "./errors.ts";
import type { SinkConnection } from "./sink-connection.ts";

/** A column as the target's catalogue has it. */
export interface CatalogueColumn {
  readonly name: string;
  /** `format_type`: `numeric(10,2)`, `timestamp without time zone`. */
  readonly type: string;
  readonly notNull: boolean;
  /** It has a default, is an identity or is generated: it may be left out of an INSERT. */
  readonly filled: boolean;
  /** The server computes it; it cannot be written. */
  readonly generated: boolean;
}

/** A unique index, by column names in index order. */
export interface CatalogueKey {
  readonly columns: readonly string[];
  readonly primary: boolean;
}

/** A table as the target's catalogue has it. */
export interface CatalogueTable {
  readonly columns: readonly CatalogueColumn[];
  /** Unique indexes that are valid and hold for all rows. */
  readonly keys: readonly CatalogueKey[];
  /** Names of the unique indexes over some of the rows or over an expression: they refuse rows, but are no keys. */
  readonly partlyUnique: readonly string[];
}

/** One statement tells whether the table is there and what its columns are: others may be making it right now. */
const COLUMNS = `SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
 a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r','p') ORDER BY a.attnum`;

/** `indkey` counts INCLUDE columns too (all columns, on DSQL), `indnkeyatts` only the key. 0 is an expression. */
const KEYS = `SELECT i.indisprimary, i.indnkeyatts, i.indkey::text, x.relname,
 i.indpred IS NOT NULL OR i.indexprs IS NOT NULL
 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_class x ON x.oid = i.indexrelid
 WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid ORDER BY x.relname`;

/** Reads a table's shape; null where there is no table of this name. */
export async function readCatalogueTable(
  connection: SinkConnection,
  table: { readonly schema: string; readonly name: string },
): Promise<CatalogueTable | null> {
  const values = [table.schema, table.name];
  try {
    const found = await connection.query(COLUMNS, values);
    if (found.length === 0) return null;
    const columns = found.filter(([number]) => number !== null);
    const names = new Map(columns.map(([number, name]) => [number ?? "", name ?? ""]));
    const unique = await connection.query(KEYS, values);
    const isPart = (row: readonly (string | null)[]) => row[4] === "t";
    return {
      columns: columns.map(readColumn),
      keys: unique.filter((row) => !isPart(row)).flatMap((row) => readKey(row, names)),
      partlyUnique: unique.filter(isPart).map((row) => row[3] ?? ""),
    };
  } catch (error) {
    throw classify(error, { doing: `reading the catalogue of ${table.schema}.${table.name}` });
  }
}

/** True where the schema is there. */
export async function schemaExists(connection: SinkConnection, schema: string): Promise<boolean> {
  const rows = await connection.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  return rows.length > 0;
}

function readColumn([, name, type, notNull, filled, generated]: (
  | string
  | null
)[]): CatalogueColumn {
  return {
    name: name ?? "",
    type: type ?? "",
    notNull: notNull === "t",
    filled: filled === "t",
    generated: generated === "t",
  };
}

function readKey(
  [primary, width, numbers]: (string | null)[],
  names: ReadonlyMap<string, string>,
): CatalogueKey[] {
  const columns = (numbers ?? "").split(" ").slice(0, Number(width));
  const named = columns.map((number) => names.get(number));
  if (named.some((name) => name === undefined)) return [];
  return [{ columns: named.filter((name) => name !== undefined), primary: primary === "t" }];
}
