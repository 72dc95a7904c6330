import type { LogicalType } from "../model/logical-type.ts";
import type { Column, TableShape, TargetColumn, TargetTable } from "../model/table.ts";
import type { ColumnTreatment } from "../transform/column-treatment.ts";
import type { TransformPlan } from "../transform/router.ts";
import { canonicalText, holdsText, treatedText } from "./canonical.ts";
import { RowHasher } from "./row-hasher.ts";
import { type Side, type SideColumn, SideTable } from "./side.ts";
import { SourceSide, type SourceRows } from "./source-side.ts";
import type { TableReader } from "./table-reader.ts";

/** A source table and one target of it, as router and sink have planned them. */
export interface VerifyTable {
  readonly source: TableShape;
  readonly plan: TransformPlan;
  readonly target: TargetTable;
}

/**
 * How a table is compared.
 *
 * - `ranges`: both sides sort keys alike, so that a range of keys is the same set of rows on both.
 * - `keys`: they do not (collations, enums, types that the target holds as text); each side is walked in its own order
 *   and its rows are looked up on the other by key.
 * - `bag`: there is no key to look up by (none at all, or a hashed one); rows are counted by their hash.
 */
export type ComparisonWay = "ranges" | "keys" | "bag";

/** Both sides of a table, ready to be asked. */
export type TablePair = { readonly table: VerifyTable; readonly target: SideTable } & (
  | { readonly way: "ranges"; readonly source: SideTable }
  | { readonly way: "keys" | "bag"; readonly source: Side }
);

/** Where rows of both sides come from. */
export interface SideReaders {
  /** A server that speaks the target's SQL and hashes rows itself, or a source that gives them. */
  readonly source: TableReader | SourceRows;
  readonly target: TableReader;
}

/** Columns that the target ought to have and has not; all of them where there is no such table. */
export async function missingColumns(
  { target }: VerifyTable,
  reader: TableReader,
): Promise<readonly string[]> {
  const rows = await reader.query(columnNames, [target.schema, target.name]);
  const found = new Set(rows.map(([name]) => name));
  return target.columns.map(({ name }) => name).filter((name) => !found.has(name));
}

const columnNames = `
  SELECT a.attname FROM pg_attribute a
  JOIN pg_class r ON r.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = r.relnamespace
  WHERE n.nspname = $1 AND r.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped`;

/** One column on its way: as the source has it, what becomes of it, and where it arrives. */
interface ColumnWay {
  readonly column: Column;
  readonly treatment: ColumnTreatment;
  readonly target: TargetColumn;
  readonly isKey: boolean;
}

/** Prepares the comparison of one table. Asks servers that are hashed by SQL about the collations of text keys. */
export async function pairTable(
  table: VerifyTable,
  { source, target: reader }: SideReaders,
): Promise<TablePair> {
  const ways = columnWays(table);
  const keys = table.source.key.flatMap((index) =>
    ways.filter(({ column }) => column === table.source.columns[index]),
  );
  const arrivals = new Map(ways.map((way) => [way, targetColumn(way)]));
  const columns = [...arrivals.values()];
  const key = keys.flatMap((way) => arrivals.get(way) ?? []);
  const target = new SideTable(reader, table.target, columns, key);
  if (!("dialect" in source)) {
    const side = new SourceSide(source, {
      shape: table.source,
      project: table.plan.project,
      columns: ways.map(({ column }) => table.source.columns.indexOf(column)),
      hasher: new RowHasher(reader, columns, key),
    });
    return { table, source: side, target, way: canLookUp(keys) ? "keys" : "bag" };
  }
  const side = new SideTable(source, table.source, ways.map(sourceColumn), keys.map(sourceColumn));
  const way = await chooseWay(table, keys, { source, target: reader });
  return { table, source: side, target, way };
}

/** Hashed keys tell nobody which row they are of. */
function canLookUp(keys: readonly ColumnWay[]): boolean {
  return keys.length > 0 && keys.every(({ treatment }) => treatment.kind === "keep");
}

function columnWays({ source, plan, target }: VerifyTable): readonly ColumnWay[] {
  const arrivals = target.columns.filter(
    (_, index) => !(target.keyless && target.key[0] === index),
  );
  const ways: ColumnWay[] = [];
  for (const [index, column] of source.columns.entries()) {
    const treatment = plan.treatments[index] ?? { kind: "keep" };
    if (treatment.kind === "exclude") continue;
    const arrival = arrivals[ways.length];
    if (arrival === undefined) break;
    ways.push({ column, treatment, target: arrival, isKey: source.key.includes(index) });
  }
  return ways;
}

function sourceColumn({ column, treatment, target }: ColumnWay): SideColumn {
  const asText = treatment.kind === "keep" && isHeldAsText(column.type, target.type);
  const plain = canonicalText(column.name, column.type, asText);
  return {
    name: column.name,
    sqlType: column.sourceType,
    text: treatedText(treatment, column.name, column.type, plain),
    parse: parserOf(column.type, column.sourceType, asText),
  };
}

function targetColumn({ column, treatment, target }: ColumnWay): SideColumn {
  const type: LogicalType =
    treatment.kind === "keep" ? column.type : { kind: "text", maxChars: null };
  const asText = isHeldAsText(type, target.type);
  return {
    name: target.name,
    sqlType: target.type,
    text: canonicalText(target.name, type, asText),
    parse: asText ? null : parserOf(type, target.type, false),
  };
}

function isHeldAsText(type: LogicalType, targetType: string): boolean {
  return type.kind !== "text" && holdsText(targetType);
}

/** Back from canonical text to a value of `sqlType`, as SQL. */
function parserOf(type: LogicalType, sqlType: string, asText: boolean): (text: string) => string {
  if (asText) return (text) => `${text}::${sqlType}`;
  if (type.kind === "bytes") return (text) => `decode(${text}, 'hex')`;
  if (type.kind === "timestamptz") return (text) => `(${text}::timestamp AT TIME ZONE 'UTC')`;
  if (
    type.kind === "text" &&
    type.fixed === true &&
    !/^(character\(|char\(|bpchar)/i.test(sqlType)
  ) {
    return (text) => `rpad(${text}, ${type.maxChars ?? 1}, ' ')`;
  }
  return (text) => `${text}::${sqlType}`;
}

async function chooseWay(
  { source, target }: VerifyTable,
  keys: readonly ColumnWay[],
  readers: { readonly source: TableReader; readonly target: TableReader },
): Promise<ComparisonWay> {
  if (!canLookUp(keys)) return "bag";
  const orders = keys.map(keyOrder);
  if (orders.includes("differs")) return "keys";
  if (!orders.includes("collation")) return "ranges";
  const plain = [
    await sortsByBytes(
      readers.source,
      source,
      textKeys(keys, ({ column }) => column.name),
    ),
    await sortsByBytes(
      readers.target,
      target,
      textKeys(keys, ({ target: { name } }) => name),
    ),
  ];
  return plain.includes(false) ? "keys" : "ranges";
}

function textKeys(
  keys: readonly ColumnWay[],
  nameOf: (way: ColumnWay) => string,
): readonly string[] {
  return keys.filter((way) => keyOrder(way) === "collation").map(nameOf);
}

/** Whether both sides sort a key column alike: always, never, or when the collations say so. */
function keyOrder({ column, target }: ColumnWay): "same" | "collation" | "differs" {
  const { type } = column;
  if (isHeldAsText(type, target.type)) return "differs";
  switch (type.kind) {
    case "boolean":
    case "int":
    case "float":
    case "decimal":
    case "bytes":
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
    case "uuid":
      return "same";
    case "text":
      return type.fixed === true || /citext/i.test(column.sourceType) ? "differs" : "collation";
    case "timetz":
    case "interval":
    case "json":
    case "jsonb":
    case "other":
      return "differs";
  }
}

async function sortsByBytes(
  reader: TableReader,
  table: { readonly schema: string; readonly name: string },
  columns: readonly string[],
): Promise<boolean> {
  if (reader.dialect === "dsql") return true;
  const rows = await reader.query(byteCollated, [table.schema, table.name]);
  const names = new Set(rows.map(([name]) => name));
  return columns.every((column) => names.has(column));
}

/** Columns whose collation compares bytes (or code points, which in UTF-8 is the same). */
const byteCollated = `
  SELECT a.attname FROM pg_attribute a
  JOIN pg_class r ON r.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = r.relnamespace
  JOIN pg_collation c ON c.oid = a.attcollation
  CROSS JOIN pg_database d
  WHERE n.nspname = $1 AND r.relname = $2 AND a.attnum > 0 AND d.datname = current_database()
    AND (c.collname IN ('C', 'POSIX', 'ucs_basic', 'pg_c_utf8') OR (c.collname = 'default' AND
      CASE coalesce(to_jsonb(d)->>'datlocprovider', 'c')
        WHEN 'b' THEN true WHEN 'c' THEN d.datcollate IN ('C', 'POSIX') ELSE false END))`;
