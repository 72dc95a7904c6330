import type { ChunkKey } from "../../model/position.ts";
import type { Column, TableShape } from "../../model/table.ts";
import { type ColumnChange, tableGone } from "../../tables/changed-table.ts";
import { chunkKeyTexts } from "../../tables/chunk-key.ts";
import type { Queryable } from "./connection.ts";
import { type KeyColumn, keyColumn, quote } from "./key-column.ts";
import { type ColumnType, parseColumnType } from "./types.ts";

/** How to name what a shape describes in SQL now. */
export interface TablePlan {
  /** `` `s`.`t` FORCE INDEX (`PRIMARY`) ``: ranges of the key are read by its index, whatever statistics say. */
  readonly from: string;
  /** Which columns of the shape are there as it has them; the others cannot be read as what it says. */
  readonly present: readonly boolean[];
  readonly key: readonly KeyColumn[];
  /** The column that is no longer what the shape says, and how; null where all are. */
  readonly changed: ColumnChange | null;
}

/** A column as the server has it now. */
interface PresentColumn {
  readonly type: ColumnType;
  readonly collation: string | null;
}

/**
 * Compares a shape with the catalogue.
 * @throws MillraceError MR_SOURCE_TABLE_CHANGED where the table or a key column is gone.
 */
export async function readTablePlan(client: Queryable, shape: TableShape): Promise<TablePlan> {
  const columns = await readColumns(client, shape);
  if (columns.size === 0) throw tableGone(shape, "the table was dropped");
  const changes = shape.columns.map((column) => changeOf(column, columns.get(column.name)));
  const key = shape.key.map((index) => keyColumnOf(shape, index, columns));
  const index = await readKeyIndex(client, shape);
  const name = `${quote(shape.schema)}.${quote(shape.name)}`;
  return {
    from: index === null ? name : `${name} FORCE INDEX (${quote(index)})`,
    present: changes.map((change) => change === null),
    key,
    changed: changes.find((change) => change !== null) ?? null,
  };
}

async function readColumns(
  client: Queryable,
  shape: TableShape,
): Promise<ReadonlyMap<string, PresentColumn>> {
  const rows = await client.query(
    `SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?`,
    [shape.schema, shape.name],
  );
  const columns = new Map<string, PresentColumn>();
  for (const [name, sourceType, charset, collation = null] of rows) {
    const type = parseColumnType(sourceType ?? "");
    if (name !== null && name !== undefined && type !== null)
      columns.set(name, { type: { ...type, charset: charset ?? null }, collation });
  }
  return columns;
}

function changeOf(column: Column, now: PresentColumn | undefined): ColumnChange | null {
  const { name, sourceType } = column;
  if (now === undefined) return { column: name, how: "was dropped" };
  const type = parseColumnType(sourceType);
  return type !== null && typeText(type) === typeText(now.type)
    ? null
    : { column: name, how: `is another type than ${sourceType}` };
}

/** Widths of integers say nothing, but for TINYINT(1); a CHAR(n) of MariaDB's old types has its own spelling. */
function typeText({ base, numbers, labels, unsigned, charset }: ColumnType): string {
  const isInt = /^(tiny|small|medium|big)?int$|^year$/.test(base);
  const isOne = base === "tinyint" && numbers[0] === 1;
  const told = isInt && !isOne ? [] : numbers;
  // What has no characters has no charset, whatever a server calls that.
  const chars = charset === "utf8" ? "utf8mb3" : charset === "binary" ? null : charset;
  return JSON.stringify([base, told, labels, unsigned, chars]);
}

/** A key column that was retyped is compared as what it is now. */
function keyColumnOf(
  shape: TableShape,
  index: number,
  columns: ReadonlyMap<string, PresentColumn>,
): KeyColumn {
  const name = shape.columns[index]?.name ?? "";
  const now = columns.get(name);
  if (now === undefined) throw tableGone(shape, `key column ${name} was dropped`);
  return keyColumn(name, now.type, now.collation);
}

/** The unique index that has exactly the key's columns, whole and in its order; null where there is none (any more). */
async function readKeyIndex(client: Queryable, shape: TableShape): Promise<string | null> {
  const rows = await client.query(
    `SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
     WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
    [shape.schema, shape.name],
  );
  const indexes = new Map<string, string[]>();
  for (const [name, column, part] of rows) {
    const columns = indexes.get(name ?? "") ?? [];
    indexes.set(name ?? "", [...columns, part === null ? (column ?? "") : ""]);
  }
  const wanted = JSON.stringify(shape.key.map((index) => shape.columns[index]?.name));
  const fitting = [...indexes].filter(([, columns]) => JSON.stringify(columns) === wanted);
  return fitting.find(([name]) => name === "PRIMARY")?.[0] ?? fitting[0]?.[0] ?? null;
}

/**
 * `(a > 1 OR (a = 1 AND b > 2))`: what is after (or not after) a key. Both servers make ranges of the index of it, which
 * they do not of `(a, b) > (1, 2)`.
 */
export function comparison(plan: TablePlan, operator: ">" | "<=", key: ChunkKey): string {
  const bounds = chunkKeyTexts(key, plan.key.length);
  const strict = operator === ">" ? ">" : "<";
  const last = plan.key.length - 1;
  const cases = plan.key.map((column, i) => {
    const equal = plan.key.slice(0, i).map((before, j) => before.compare("=", bounds[j] ?? ""));
    const own = column.compare(i === last ? operator : strict, bounds[i] ?? "");
    return `(${[...equal, own].join(" AND ")})`;
  });
  return `(${cases.join(" OR ")})`;
}
