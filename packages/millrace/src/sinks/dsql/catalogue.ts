import { tableId, type TableId } from "../../model/table.ts";
import { arrayLiteral } from "./array-literal.ts";
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
const COLUMNS = `SELECT n.nspname, c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
 a.atthasdef OR a.attidentity <> '', a.attgenerated <> '', a.attcollation::text
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = ANY($1::text[]) AND c.relname = ANY($2::text[]) AND c.relkind IN ('r','p') ORDER BY a.attnum`;

/** `indkey` counts INCLUDE columns too (all columns, on DSQL), `indnkeyatts` only the key. 0 is an expression. */
const KEYS = `SELECT n.nspname, c.relname, i.indisprimary, i.indnkeyatts, i.indkey::text, x.relname,
 i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR NOT i.indisvalid OR NOT i.indimmediate
 FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_class x ON x.oid = i.indexrelid
 WHERE n.nspname = ANY($1::text[]) AND c.relname = ANY($2::text[]) AND i.indisunique ORDER BY x.relname`;

/** Foreign keys from and to the tables, and exclusion constraints. */
const CONSTRAINTS = `SELECT n.nspname, c.relname, k.contype::text, k.conname, fn.nspname, f.relname
 FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
 WHERE k.contype IN ('f','x') AND ((n.nspname = ANY($1::text[]) AND c.relname = ANY($2::text[]))
 OR (fn.nspname = ANY($1::text[]) AND f.relname = ANY($2::text[])))
 ORDER BY k.conname`;

const IDENTITIES = `SELECT n.nspname, c.relname, c.oid::text
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY($1::text[]) AND c.relname = ANY($2::text[]) AND c.relkind IN ('r','p')`;

/** By schema and name. */
interface Named {
  readonly schema: string;
  readonly name: string;
}

type Found = readonly (string | null)[];

/** So many tables are asked for by one statement. */
const TABLES_A_READ = 500;

/** Reads a table's shape; null where there is no table of this name. */
export async function readCatalogueTable(
  connection: SinkConnection,
  table: Named,
): Promise<CatalogueTable | null> {
  const found = await readCatalogueTables(connection, [table]);
  return found.get(tableId(table.schema, table.name)) ?? null;
}

/** Reads the shapes of those tables that are there: a thousand statements would be a thousand round trips of a start. */
export async function readCatalogueTables(
  connection: SinkConnection,
  tables: readonly Named[],
): Promise<ReadonlyMap<TableId, CatalogueTable>> {
  const shapes = new Map<TableId, CatalogueTable>();
  for (let from = 0; from < tables.length; from += TABLES_A_READ) {
    const some = tables.slice(from, from + TABLES_A_READ);
    try {
      for (const [id, shape] of await readSome(connection, some)) shapes.set(id, shape);
    } catch (error) {
      const [first] = some;
      const others = some.length > 1 ? ` and ${some.length - 1} more` : "";
      const doing = `reading the catalogue of ${first?.schema}.${first?.name}${others}`;
      throw classify(error, { doing });
    }
  }
  return shapes;
}

async function readSome(
  connection: SinkConnection,
  tables: readonly Named[],
): Promise<(readonly [TableId, CatalogueTable])[]> {
  const schemas = [...new Set(tables.map(({ schema }) => schema))];
  const values = [arrayLiteral(schemas), arrayLiteral(tables.map(({ name }) => name))];
  const columns = byTable(await connection.query(COLUMNS, values));
  if (columns.size === 0) return [];
  const loose = await looseCollations(
    connection,
    [...columns.values()].flat().map((row) => row[8] ?? "0"),
  );
  const unique = byTable(await connection.query(KEYS, values));
  const constraints = await connection.query(CONSTRAINTS, values);
  const from = byTable(constraints);
  const to = Map.groupBy(constraints, ([, , , , schema, name]) => nameOf([schema, name]));
  return tables.flatMap(({ schema, name }) => {
    const id = tableId(schema, name);
    const found = columns.get(id);
    const rows = { found, loose, unique: unique.get(id), from: from.get(id), to: to.get(id) };
    return found === undefined ? [] : [[id, readTable({ ...rows, found })] as const];
  });
}

/** What the catalogue has of one table. */
interface TableRows {
  readonly found: readonly Found[];
  readonly loose: ReadonlySet<string>;
  readonly unique: readonly Found[] | undefined;
  /** Constraints of the table, and those that point at it. */
  readonly from: readonly Found[] | undefined;
  readonly to: readonly Found[] | undefined;
}

function readTable({ found, loose, unique = [], from = [], to = [] }: TableRows): CatalogueTable {
  const columns = found.filter(([, , number]) => number !== null);
  const names = new Map(columns.map(([, , number, name]) => [number ?? "", name ?? ""]));
  const isPart = (row: Found): boolean => row[6] === "t";
  const ofType = (rows: readonly Found[], wanted: string): readonly Found[] =>
    rows.filter(([, , type]) => type === wanted);
  return {
    columns: columns.map((row) => readColumn(row.slice(2), loose)),
    keys: unique.filter((row) => !isPart(row)).flatMap((row) => readKey(row.slice(2), names)),
    otherConstraints: [
      ...unique.filter(isPart).map((row) => row[5] ?? ""),
      ...ofType(from, "x").map((row) => row[3] ?? ""),
    ],
    parents: [...new Set(ofType(from, "f").map((row) => nameOf(row.slice(4))))],
    children: [...new Set(ofType(to, "f").map(nameOf))],
  };
}

function byTable(rows: readonly Found[]): Map<TableId, Found[]> {
  return Map.groupBy(rows, nameOf);
}

function nameOf([schema, name]: readonly (string | null | undefined)[]): TableId {
  return tableId(schema ?? "", name ?? "");
}

/** The oids of those tables that are there. An oid comes again only behind four billion others. */
export async function readIdentities(
  connection: SinkConnection,
  tables: readonly Named[],
): Promise<ReadonlyMap<TableId, string>> {
  const ids = new Map<TableId, string>();
  for (let from = 0; from < tables.length; from += TABLES_A_READ) {
    const some = tables.slice(from, from + TABLES_A_READ);
    const names = [some.map(({ schema }) => schema), some.map(({ name }) => name)];
    const rows = await connection.query(IDENTITIES, names.map(arrayLiteral)).catch((error) => {
      throw classify(error, { doing: "reading which tables are there" });
    });
    for (const row of rows) ids.set(nameOf(row), row[2] ?? "");
  }
  return ids;
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

function readColumn(
  [, name, type, notNull, filled, generated, collation]: Found,
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
  [primary, width, numbers]: Found,
  names: ReadonlyMap<string, string>,
): CatalogueKey[] {
  const columns = (numbers ?? "").split(" ").slice(0, Number(width));
  const named = columns.map((number) => names.get(number));
  if (named.some((name) => name === undefined)) return [];
  return [{ columns: named.filter((name) => name !== undefined), primary: primary === "t" }];
}
