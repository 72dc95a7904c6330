import { tableId, type TableId } from "../../model/table.ts";
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
  /** The column's own collation holds several texts to be one. */
  readonly looselyEqual?: boolean;
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
  /**
   * Names of constraints that refuse rows for the sake of others, but are no keys: unique indexes over some of the rows
   * or over an expression, deferred ones, those that are still being built, and exclusion constraints.
   */
  readonly otherConstraints: readonly string[];
  /** Tables that its foreign keys point at, and those whose foreign keys point at it; it may be one of them itself. */
  readonly parents: readonly TableId[];
  readonly children: readonly TableId[];
}

/** One statement tells whether the table is there and what its columns are: others may be making it right now. */
const COLUMNS = `SELECT a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
 a.atthasdef OR a.attidentity <> '', a.attgenerated <> '', a.attcollation::text
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r','p') ORDER BY a.attnum`;

/** `indkey` counts INCLUDE columns too (all columns, on DSQL), `indnkeyatts` only the key. 0 is an expression. */
const KEYS = `SELECT i.indisprimary, i.indnkeyatts, i.indkey::text, x.relname,
 i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR NOT i.indisvalid OR NOT i.indimmediate
 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_class x ON x.oid = i.indexrelid
 WHERE n.nspname = $1 AND c.relname = $2 AND i.indisunique ORDER BY x.relname`;

/** Foreign keys from and to the table, and exclusion constraints. */
const CONSTRAINTS = `SELECT k.contype::text, k.conname, c.relname = $2 AND n.nspname = $1, fn.nspname, f.relname, n.nspname, c.relname
 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
 WHERE k.contype IN ('f','x') AND ((n.nspname = $1 AND c.relname = $2) OR (fn.nspname = $1 AND f.relname = $2))
 ORDER BY k.conname`;

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
    const loose = await looseCollations(
      connection,
      columns.map((row) => row[6] ?? "0"),
    );
    const names = new Map(columns.map(([number, name]) => [number ?? "", name ?? ""]));
    const unique = await connection.query(KEYS, values);
    const isPart = (row: readonly (string | null)[]) => row[4] === "t";
    const constraints = await connection.query(CONSTRAINTS, values);
    const links = constraints.filter(([type]) => type === "f");
    return {
      columns: columns.map((row) => readColumn(row, loose)),
      keys: unique.filter((row) => !isPart(row)).flatMap((row) => readKey(row, names)),
      otherConstraints: [
        ...unique.filter(isPart).map((row) => row[3] ?? ""),
        ...constraints.filter(([type]) => type === "x").map(([, name]) => name ?? ""),
      ],
      parents: namesOf(links.filter((row) => row[2] === "t").map((row) => row.slice(3, 5))),
      children: namesOf(
        links.filter((row) => isTable(row.slice(3, 5), table)).map((row) => row.slice(5, 7)),
      ),
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

/** The first oid of what users have made. The collations of the server itself tell every text from every other. */
const FIRST_USER_OID = 16_384;

async function looseCollations(
  connection: SinkConnection,
  oids: readonly string[],
): Promise<ReadonlySet<string>> {
  // DSQL has the collation C alone, and may not show its catalogue of them.
  if (oids.every((oid) => Number(oid) < FIRST_USER_OID)) return new Set();
  const text = "SELECT oid::text FROM pg_collation WHERE NOT collisdeterministic";
  return new Set((await connection.query(text)).map(([oid]) => oid ?? ""));
}

function namesOf(names: readonly (readonly (string | null)[])[]): TableId[] {
  return [...new Set(names.map(([schema, name]) => tableId(schema ?? "", name ?? "")))];
}

function isTable(
  [schema, name]: readonly (string | null)[],
  table: { readonly schema: string; readonly name: string },
): boolean {
  return schema === table.schema && name === table.name;
}

function readColumn(
  [, name, type, notNull, filled, generated, collation]: (string | null)[],
  loose: ReadonlySet<string>,
): CatalogueColumn {
  return {
    ...(loose.has(collation ?? "") ? { looselyEqual: true } : {}),
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
