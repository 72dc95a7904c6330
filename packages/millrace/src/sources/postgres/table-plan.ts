import { MillraceError } from "../../errors/millrace-error.ts";
import type { ChunkKey } from "../../model/position.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { type ColumnRow, type Queryable, readTables } from "./catalogue.ts";

/** How to name what a shape describes in SQL now, whatever was renamed since the shape was made. */
export interface TablePlan {
  /** Quoted, qualified. */
  readonly name: string;
  /** `ONLY s.t`, or `s.t` for a partitioned table, whose rows are its partitions'. */
  readonly from: string;
  /** One expression over the alias `t` per column of the shape. */
  readonly columns: readonly string[];
  readonly key: readonly KeyColumn[];
}

/** A key column and the type that its text is cast to: the base type, without a typmod that could cut. */
export interface KeyColumn {
  readonly sql: string;
  readonly cast: string;
}

/**
 * Compares a shape with the catalogue, by oid and attnum, so that renames are no matter.
 * @throws MillraceError MR_SOURCE_TABLE_CHANGED where the table or a column is gone or of another type.
 */
export async function readTablePlan(client: Queryable, shape: TableShape): Promise<TablePlan> {
  const [found] = await readTables(client, [shape.identity]);
  if (found === undefined) throw tableChanged(shape, "the table was dropped", { dropped: true });
  const { table, columns } = found;
  const name = `${quote(table.schema)}.${quote(table.name)}`;
  return {
    name,
    from: table.relkind === "p" ? name : `ONLY ${name}`,
    columns: shape.columns.map((column) =>
      expressionOf(shape, column, presentColumn(column, columns)),
    ),
    key: shape.key.map((index) => keyColumnOf(shape, index, columns)),
  };
}

/** `(t.a, t.b) > ('1'::int4, 'x'::text)`: what is after (or not after) a key, compared by the server. */
export function comparison(plan: TablePlan, operator: ">" | "<=", key: ChunkKey): string {
  const texts = keyTexts(plan, key);
  const columns = plan.key.map((column) => column.sql);
  const values = plan.key.map((column, i) => `${literal(texts[i] ?? "")}::${column.cast}`);
  if (columns.length === 1) return `${columns.join()} ${operator} ${values.join()}`;
  return `(${columns.join(", ")}) ${operator} (${values.join(", ")})`;
}

/** A chunk key is the array of its columns' texts. */
function keyTexts(plan: TablePlan, key: ChunkKey): readonly string[] {
  if (Array.isArray(key) && key.length === plan.key.length) {
    const texts: readonly unknown[] = key;
    if (texts.every((text) => typeof text === "string")) return texts;
  }
  throw new MillraceError("MR_BUG", `not a key of ${plan.key.length} columns`);
}

/** The table is not what its shape says, or no longer. */
export function tableChanged(
  shape: TableShape,
  why: string,
  facts: Record<string, string | boolean> = {},
): MillraceError {
  return new MillraceError("MR_SOURCE_TABLE_CHANGED", `${shape.id}: ${why}`, {
    facts: { table: shape.id, dropped: false, ...facts },
  });
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
 * A dropped column reads as NULL where it may be NULL: the log brings its end soon. A column of another type must not
 * be read with the old one.
 */
function expressionOf(shape: TableShape, column: Column, now: ColumnRow | undefined): string {
  if (now?.logged === true && now.sourceType === column.sourceType) return `t.${quote(now.name)}`;
  if (now === undefined && column.nullable) return "NULL";
  const why = now === undefined ? "was dropped" : `is ${now.sourceType}, not ${column.sourceType}`;
  throw tableChanged(shape, `column ${column.name} ${why}`, { column: column.name });
}

function keyColumnOf(shape: TableShape, index: number, present: readonly ColumnRow[]): KeyColumn {
  const column = shape.columns[index];
  const now = column === undefined ? undefined : presentColumn(column, present);
  if (now === undefined) throw tableChanged(shape, `key column ${column?.name} was dropped`);
  return { sql: `t.${quote(now.name)}`, cast: now.cast };
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
