import type { LogicalType } from "../../model/logical-type.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { type ColumnChange, tableGone } from "../../tables/changed-table.ts";
import { chunkKeyTexts } from "../../tables/chunk-key.ts";
import { type ColumnRow, type Queryable, readTables } from "./catalogue.ts";
import { AS_IS, conversionOf } from "./types.ts";

const INTEGER_BITS: Readonly<Record<string, number>> = { int2: 16, int4: 32, int8: 64 };

/** How to name what a shape describes in SQL now, whatever was renamed since the shape was made. */
export interface TablePlan {
  /** Quoted, qualified. */
  readonly name: string;
  /** `ONLY s.t`, or `s.t` for a partitioned table, whose rows are its partitions'. */
  readonly from: string;
  /** One expression over the alias `t` per column of the shape. */
  readonly columns: readonly string[];
  readonly key: readonly KeyColumn[];
  /** The column that is no longer what the shape says, and how; null where all are. */
  readonly changed: ColumnChange | null;
}

/** A key column and the type that its text is cast to: the base type, without a typmod that could cut. */
export interface KeyColumn {
  readonly sql: string;
  readonly cast: string;
}

/**
 * Compares a shape with the catalogue, by oid and attnum, so that renames are no matter.
 * @throws MillraceError MR_SOURCE_TABLE_CHANGED where the table or a key column is gone.
 */
export async function readTablePlan(client: Queryable, shape: TableShape): Promise<TablePlan> {
  const [found] = await readTables(client, [shape.identity]);
  if (found === undefined) throw tableGone(shape, "the table was dropped");
  const { table, columns } = found;
  const name = `${quote(table.schema)}.${quote(table.name)}`;
  const planned = shape.columns.map((column) =>
    plannedColumn(column, presentColumn(column, columns)),
  );
  return {
    name,
    from: table.relkind === "p" ? name : `ONLY ${name}`,
    columns: planned.map(({ sql }) => sql),
    key: shape.key.map((index) => keyColumnOf(shape, index, columns)),
    changed: planned.map(({ changed }) => changed).find((changed) => changed !== null) ?? null,
  };
}

/** `(t.a, t.b) > ('1'::int4, 'x'::text)`: what is after (or not after) a key, compared by the server. */
export function comparison(plan: TablePlan, operator: ">" | "<=", key: ChunkKey): string {
  const texts = chunkKeyTexts(key, plan.key.length);
  const columns = plan.key.map((column) => column.sql);
  const values = plan.key.map((column, i) => `${literal(texts[i] ?? "")}::${column.cast}`);
  if (columns.length === 1) return `${columns.join()} ${operator} ${values.join()}`;
  return `(${columns.join(", ")}) ${operator} (${values.join(", ")})`;
}

/**
 * The column as it is now. Where the log could not tell a column's attnum (it was changed several times since), the
 * name has to do; such a column is loaded again anyway.
 */
function presentColumn(column: Column, present: readonly ColumnRow[]): ColumnRow | undefined {
  return present.find((now) =>
    column.ordinal === null ? now.name === column.name : now.ordinal === column.ordinal,
  );
}

/**
 * A dropped column reads as NULL: the log brings its end soon. A retyped one reads as its text, as far as that can be
 * taken for a text of the old type.
 */
function plannedColumn(
  column: Column,
  now: ColumnRow | undefined,
): { sql: string; changed: ColumnChange | null } {
  const { name, nullable, sourceType } = column;
  if (now === undefined) {
    return { sql: "NULL", changed: nullable ? null : { column: name, how: "was dropped" } };
  }
  const sql = `t.${quote(now.name)}`;
  if (now.logged && now.sourceType === sourceType) return { sql, changed: null };
  const isText = conversionOf(column.type) === AS_IS;
  const changed = { column: name, how: `is ${now.sourceType}, not ${sourceType}` };
  return { sql: isText ? sql : "NULL", changed };
}

/**
 * A key column that was made wider is compared as what it is, by its index. One that was retyped otherwise is compared
 * as text: what its old values are as the new type, only its ALTER knew.
 */
function keyColumnOf(shape: TableShape, index: number, present: readonly ColumnRow[]): KeyColumn {
  const column = shape.columns[index];
  const now = column === undefined ? undefined : presentColumn(column, present);
  if (now === undefined) throw tableGone(shape, `key column ${column?.name} was dropped`);
  const sql = `t.${quote(now.name)}`;
  const isSame = now.sourceType === column?.sourceType;
  if (isSame || (column !== undefined && isWidened(column.type, now)))
    return { sql, cast: now.cast };
  return { sql: `${sql}::pg_catalog.text`, cast: "pg_catalog.text" };
}

/** Every text of the old type is one of the new type too. */
function isWidened(type: LogicalType, { builtIn, typeName }: ColumnRow): boolean {
  if (!builtIn) return false;
  if (type.kind === "int" && type.unsigned !== true) {
    const bits = INTEGER_BITS[typeName];
    return typeName === "numeric" || (bits !== undefined && bits >= type.bits);
  }
  if (type.kind === "decimal") return typeName === "numeric";
  return type.kind === "text" && type.fixed !== true && ["text", "varchar"].includes(typeName);
}

/** Quotes an identifier. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a string constant, whatever `standard_conforming_strings` says. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}
