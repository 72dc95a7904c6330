import { tableId, type Column, type TableShape } from "../../model/table.ts";
import { ESTIMATES_SQL, TABLES_SQL, TABLES_WITH_COLUMNS_SQL, TYPES_SQL } from "./catalogue-sql.ts";
import type { LogicalType } from "../../model/logical-type.ts";
import { logicalType, type PgType } from "./types.ts";

/** What the catalogue needs of a client: `pg`'s, on an ordinary or a walsender connection. */
export interface Queryable {
  query<R extends object>(sql: string, parameters?: unknown[]): Promise<{ rows: R[] }>;
}

/** How PostgreSQL logs the old row: `d` primary key, `f` full row, `i` an index's columns, `n` nothing. */
export type ReplicaIdentity = "d" | "f" | "i" | "n";

/** A relation that a pattern may name. */
export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  /** `r` table, `p` partitioned table, `f` foreign table, `m` materialised view, `v` view. */
  readonly relkind: string;
  /** `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string;
  readonly identity: ReplicaIdentity;
  readonly partition: boolean;
  /** Policies would filter what this role reads. */
  readonly rowSecurity: boolean;
  readonly hasChildren: boolean;
  readonly maySelect: boolean;
  readonly isOwner: boolean;
  /** The role that owns it. */
  readonly owner: string;
}

/** What of a table is not in its shape. */
export interface TableFacts {
  readonly shape: TableShape;
  readonly partitioned: boolean;
  readonly identity: ReplicaIdentity;
  /** UPDATE and DELETE can be logged; else the server refuses them while the table is in a publication. */
  readonly logsDeletes: boolean;
  /** Columns that no log carries: generated ones, by the server's version. */
  readonly leftOut: readonly string[];
}

/** A type as the catalogue queries give it. */
export interface TypeRow {
  readonly sourceType: string;
  readonly formatted: string;
  readonly typeName: string;
  readonly typmod: number;
  readonly typeKind: string;
  readonly builtIn: boolean;
  readonly array: boolean;
  /** The base type's full name, quoted, without typmod: what a key's text is cast to. */
  readonly cast: string;
  /** Of an enumeration, and of an array of one; absent where the event trigger tells of a column. */
  readonly labels?: readonly string[] | null;
}

/** A column as `COLUMNS_SQL` gives it. */
export interface ColumnRow extends TypeRow {
  readonly table: string;
  readonly name: string;
  readonly ordinal: number;
  readonly nullable: boolean;
  readonly generated: boolean;
  /** Computed when it is read; stored nowhere, and in no log. */
  readonly virtual: boolean;
  readonly logged: boolean;
  readonly filled: boolean;
}

/** A table as `KEYS_SQL` gives it. */
export interface TableRow {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly relkind: string;
  readonly identity: ReplicaIdentity;
  readonly leafIdentities: readonly ReplicaIdentity[] | null;
  readonly primaryKey: readonly number[] | null;
  readonly identityIndex: readonly number[] | null;
}

/** All relations outside of the system's schemas. */
export async function readRelations(client: Queryable): Promise<Relation[]> {
  return (await client.query<Relation>(TABLES_SQL)).rows;
}

/** Which tables: by oid, or by name. */
export type Where =
  | { readonly oids: readonly string[] }
  | { readonly matches: (schema: string, name: string) => boolean };

/**
 * The present shapes of tables, plain and partitioned; one that is gone is absent. Columns that the log cannot carry
 * (generated ones before 18, virtual ones) are no part of the shape: they could be loaded, but would never change.
 */
export async function readShapes(client: Queryable, where: Where): Promise<TableShape[]> {
  return (await readFacts(client, await oidsOf(client, where))).map((facts) => facts.shape);
}

async function oidsOf(client: Queryable, where: Where): Promise<readonly string[]> {
  if ("oids" in where) return where.oids;
  const relations = await readRelations(client);
  return relations
    .filter(({ relkind }) => relkind === "r" || relkind === "p")
    .filter(({ schema, name }) => where.matches(schema, name))
    .map(({ oid }) => oid);
}

/** {@link readShapes} with what the shape does not say. */
export async function readFacts(client: Queryable, oids: readonly string[]): Promise<TableFacts[]> {
  const tables = await readTables(client, oids);
  return tables.map(({ table, columns }) => factsOf(table, columns));
}

/**
 * Tables and their columns as the catalogue has them; one that is gone is absent. By one statement: what two of them say
 * may be of two moments, between which a column took another's place in the key.
 */
export async function readTables(
  client: Queryable,
  oids: readonly string[],
): Promise<{ readonly table: TableRow; readonly columns: readonly ColumnRow[] }[]> {
  const { rows } = await client.query<{ table: TableRow; columns: readonly ColumnRow[] | null }>(
    TABLES_WITH_COLUMNS_SQL,
    [oids],
  );
  return rows.map(({ table, columns }) => ({ table, columns: columns ?? [] }));
}

/** The types of columns as a Relation message names them: in the order given, null for a type that is gone. */
export async function readTypes(
  client: Queryable,
  types: readonly { readonly oid: number; readonly typmod: number }[],
): Promise<({ readonly type: LogicalType; readonly sourceType: string } | null)[]> {
  const { rows } = await client.query<TypeRow & { nth: string }>(TYPES_SQL, [
    types.map((type) => type.oid),
    types.map((type) => type.typmod),
  ]);
  const found = new Map(rows.map((row) => [Number(row.nth), row]));
  return types.map((_, index) => {
    const row = found.get(index + 1);
    return row === undefined ? null : { type: typeOf(row), sourceType: row.sourceType };
  });
}

/** Estimated rows by oid; a table without statistics is absent. */
export async function readEstimates(
  client: Queryable,
  oids: readonly string[],
): Promise<Map<string, number>> {
  const { rows } = await client.query<{ oid: string; rows: number | null }>(ESTIMATES_SQL, [oids]);
  const estimates = new Map<string, number>();
  for (const row of rows) if (row.rows !== null) estimates.set(row.oid, Math.round(row.rows));
  return estimates;
}

/** The shape that rows of the catalogue make, wherever they were read. */
export function shapeOfRows(table: TableRow, columns: readonly ColumnRow[]): TableShape {
  return factsOf(table, columns).shape;
}

function factsOf(row: TableRow, all: readonly ColumnRow[]): TableFacts {
  const logged = all.filter((column) => column.logged);
  const shape: TableShape = {
    id: tableId(row.schema, row.name),
    schema: row.schema,
    name: row.name,
    identity: row.oid,
    columns: logged.map(columnOf),
    key: keyOf(row, logged),
  };
  return {
    shape,
    partitioned: row.relkind === "p",
    identity: row.identity,
    logsDeletes: logsDeletes(row, shape.key.length > 0),
    leftOut: all
      .filter((column) => !column.logged)
      .map(({ name, virtual }) => (virtual ? `${name} (virtual)` : name)),
  };
}

function columnOf(row: ColumnRow): Column {
  const { name, sourceType, nullable, ordinal } = row;
  const column = { name, type: typeOf(row), sourceType, nullable, ordinal };
  const filled = row.filled ? { filled: true } : {};
  return row.generated ? { ...column, ...filled, generated: true } : { ...column, ...filled };
}

function typeOf(row: TypeRow): LogicalType {
  const { typeName, builtIn, typeKind, array, formatted, labels = null } = row;
  const type: PgType = { name: typeName, builtIn, kind: typeKind, array, formatted, labels };
  return logicalType(type, row.typmod);
}

/**
 * The columns that find a row in the log: those of the replica identity index where one was chosen (a delete carries
 * no others), else the primary key. A deferrable primary key is none: two rows may hold the same key for a while.
 */
function keyOf(row: TableRow, logged: readonly ColumnRow[]): number[] {
  const ordinals = (row.identity === "i" ? row.identityIndex : null) ?? row.primaryKey ?? [];
  const indexes = ordinals.map((ordinal) =>
    logged.findIndex((column) => column.ordinal === ordinal),
  );
  return indexes.includes(-1) ? [] : indexes;
}

function logsDeletes(row: TableRow, hasKey: boolean): boolean {
  const identities = row.leafIdentities ?? [row.identity];
  return identities.every((identity) => {
    if (identity === "f") return true;
    if (identity === "d") return hasKey && row.primaryKey !== null;
    return identity === "i" && hasKey && row.identityIndex !== null;
  });
}
