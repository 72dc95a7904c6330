/**
 * Compares databases row by row by their own text. It shares no code with `millrace verify`, so that both would have
 * to be wrong in the same way.
 */
import type pg from "pg";
import { quote } from "./postgres-dialect.ts";
import { textRows } from "./sql-session.ts";

/** A table on both sides. */
export interface ComparedTable {
  readonly source: { readonly schema: string; readonly name: string };
  readonly target: { readonly schema: string; readonly name: string };
  /** Columns of the source that are not expected at the target. */
  readonly leftOut?: readonly string[];
}

/** How one table differs: sentences, empty when it does not. */
export interface Comparison {
  readonly table: string;
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly differences: readonly string[];
}

const maxShown = 5;
/** From so many rows on, servers say first whether all are equal. */
const MANY_ROWS = 300_000;

/** Compares one table of two databases of PostgreSQL's kind: its columns, then every row. */
export async function compareTable(
  source: pg.Client,
  target: pg.Client,
  table: ComparedTable,
  manyRows = MANY_ROWS,
): Promise<Comparison> {
  const name = `${table.source.schema}.${table.source.name}`;
  const sourceTypes = await targetColumns(source, table.source);
  for (const column of table.leftOut ?? []) sourceTypes.delete(column);
  const targetTypes = await targetColumns(target, table.target);
  const shape = compareColumns([...sourceTypes.keys()], targetTypes);
  if (shape.length > 0) return { table: name, sourceRows: -1, targetRows: -1, differences: shape };
  const columns = [...sourceTypes.keys()];
  const texts = columns.map((column) =>
    textOf(quote(column), sourceTypes.get(column) ?? "", targetTypes.get(column) ?? ""),
  );
  const counts = [await countRows(source, table.source), await countRows(target, table.target)];
  const [sourceCount = 0, targetCount = 0] = counts;
  // More than a process holds twice: whether they are equal the servers tell.
  if (sourceCount === targetCount && sourceCount > manyRows) {
    const one = await digest(source, table.source, texts);
    if (one === (await digest(target, table.target, texts)))
      return { table: name, sourceRows: sourceCount, targetRows: targetCount, differences: [] };
  }
  const sourceRows = await textRows(source, select(table.source, texts));
  const targetRows = await textRows(target, select(table.target, texts));
  return {
    table: name,
    sourceRows: sourceRows.length,
    targetRows: targetRows.length,
    differences: compareRows(sourceRows, targetRows, columns),
  };
}

/** Compares many tables of two databases of PostgreSQL's kind; gives only what differs. */
export async function compareTables(
  source: pg.Client,
  target: pg.Client,
  tables: readonly ComparedTable[],
  manyRows = MANY_ROWS,
): Promise<readonly Comparison[]> {
  return differing(tables, (table) => compareTable(source, target, table, manyRows));
}

/** Compares tables one after the other; gives only what differs. */
export async function differing(
  tables: readonly ComparedTable[],
  compare: (table: ComparedTable) => Promise<Comparison>,
): Promise<readonly Comparison[]> {
  const different: Comparison[] = [];
  for (const table of tables) {
    const comparison = await compare(table);
    if (comparison.differences.length > 0) different.push(comparison);
  }
  return different;
}

/** Column → type. */
type ColumnTypes = Map<string, string>;

/** Columns of a table of PostgreSQL's kind, in order, with their types. */
export async function targetColumns(
  client: pg.Client,
  table: { readonly schema: string; readonly name: string },
): Promise<ColumnTypes> {
  const rows = await textRows(
    client,
    `SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
     JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table.schema, table.name],
  );
  return new Map(rows.map(([name, type]) => [name ?? "", type ?? ""]));
}

/** Columns of ours, and dropped ones that are still being put away, may be there besides. */
const isOurs = (column: string): boolean => /^_millrace_|^_dropped_/.test(column);

/** Says which columns only one side has. */
export function compareColumns(
  source: readonly string[],
  target: ReadonlyMap<string, string>,
): readonly string[] {
  if (target.size === 0) return ["the target has no such table"];
  const missing = source.filter((column) => !target.has(column));
  const extra = [...target.keys()].filter((column) => !source.includes(column) && !isOurs(column));
  return [
    ...missing.map((column) => `column "${column}" is missing at the target`),
    ...extra.map((column) => `column "${column}" is at the target only`),
  ];
}

type TableName = ComparedTable["source"];

function select(table: TableName, texts: readonly string[]): string {
  return `SELECT ${texts.join(", ")} FROM ${qualified(table)}`;
}

async function countRows(client: pg.Client, table: TableName): Promise<number> {
  const [row] = await textRows(client, `SELECT count(*) FROM ${qualified(table)}`);
  return Number(row?.[0]);
}

/** The same for the same rows in any order: the sum of 64 bits of each. */
async function digest(
  client: pg.Client,
  table: TableName,
  texts: readonly string[],
): Promise<string> {
  const hash = `hashtextextended(ROW(${texts.join(", ")})::text, 0)::numeric`;
  const [row] = await textRows(client, `SELECT sum(${hash}) FROM ${qualified(table)}`);
  return JSON.stringify(row);
}

function qualified({ schema, name }: TableName): string {
  return `${quote(schema)}.${quote(name)}`;
}

/** The server's own output, but for zeros behind a decimal's point. */
function textOf(column: string, source: string, target: string): string {
  const isNumeric = source.startsWith("numeric") && target.startsWith("numeric");
  return isNumeric ? `trim_scale(${column})` : column;
}

/** Says which rows only one side has, however they are ordered. */
export function compareRows(
  source: readonly (string | null)[][],
  target: readonly (string | null)[][],
  columns: readonly string[],
): readonly string[] {
  const counts = new Map<string, number>();
  for (const row of source) add(counts, JSON.stringify(row), 1);
  for (const row of target) add(counts, JSON.stringify(row), -1);
  const missing: string[] = [];
  const extra: string[] = [];
  for (const [row, count] of counts)
    (count > 0 ? missing : extra).push(`${row} ×${Math.abs(count)}`);
  if (missing.length + extra.length === 0) return [];
  return [
    `${source.length} rows at the source, ${target.length} at the target; ${missing.length} not at the target, ${extra.length} only there; columns ${columns.join(", ")}`,
    ...shown("only at the source", missing),
    ...shown("only at the target", extra),
  ];
}

function add(counts: Map<string, number>, row: string, by: number): void {
  const count = (counts.get(row) ?? 0) + by;
  if (count === 0) counts.delete(row);
  else counts.set(row, count);
}

function shown(where: string, rows: readonly string[]): readonly string[] {
  return rows
    .toSorted()
    .slice(0, maxShown)
    .map((row) => `${where}: ${row.slice(0, 400)}`);
}
