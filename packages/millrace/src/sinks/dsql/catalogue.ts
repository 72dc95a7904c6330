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
}

const COLUMNS = `SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
 a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r','p') AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum`;

/** `indkey` counts INCLUDE columns too (all columns, on DSQL), `indnkeyatts` only the key. 0 is an expression. */
const KEYS = `SELECT i.indisprimary, i.indnkeyatts, i.indkey::text, i.indexrelid::text
 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL`;

const NUMBERS = `SELECT a.attnum, a.attname
 FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped`;

/** Reads a table's shape; null where there is no table of this name. */
export async function readCatalogueTable(
  connection: SinkConnection,
  table: { readonly schema: string; readonly name: string },
): Promise<CatalogueTable | null> {
  const values = [table.schema, table.name];
  try {
    const columns = await connection.query(COLUMNS, values);
    if (columns.length === 0 && !(await tableExists(connection, values))) return null;
    const numbers = await connection.query(NUMBERS, values);
    const names = new Map(numbers.map(([number, name]) => [number ?? "", name ?? ""]));
    const keys = await connection.query(KEYS, values);
    return { columns: columns.map(readColumn), keys: keys.flatMap((row) => readKey(row, names)) };
  } catch (error) {
    throw classify(error, { doing: `reading the catalogue of ${table.schema}.${table.name}` });
  }
}

/** True where the schema is there. */
export async function schemaExists(connection: SinkConnection, schema: string): Promise<boolean> {
  const rows = await connection.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  return rows.length > 0;
}

async function tableExists(
  connection: SinkConnection,
  values: readonly string[],
): Promise<boolean> {
  const text = `SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r','p')`;
  return (await connection.query(text, values)).length > 0;
}

function readColumn([name, type, notNull, filled, generated]: (string | null)[]): CatalogueColumn {
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
