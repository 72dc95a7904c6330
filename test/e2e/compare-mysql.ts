/**
 * Compares a MySQL or MariaDB with a target row by row, by the databases' own text. The two spell values otherwise: here
 * stands how each is brought to one spelling, by rules that share no code with our decoders. JSON is brought to it by the
 * target's own cast.
 */
import type pg from "pg";
import mysql from "mysql2/promise";
import {
  compareColumns,
  type ComparedTable,
  compareRows,
  type Comparison,
  targetColumns,
} from "./compare.ts";
import { mysqlDialect } from "./mysql-dialect.ts";
import { quote } from "./postgres-dialect.ts";
import { textRows } from "./sql-session.ts";

/** How values of a type are read at both ends, and what their texts have in common. */
interface Spelling {
  readonly source: (column: string) => string;
  readonly target: (column: string) => string;
  readonly of: (text: string) => string | null;
}

const asItIs: Spelling = {
  source: (column) => `CONVERT(${column} USING utf8mb4)`,
  target: (column) => column,
  of: (text) => text,
};
const asText = { ...asItIs, source: (column: string) => `CAST(${column} AS CHAR)` };
/** Without the zeros that fill a column. */
const asNumber = { ...asItIs, source: (column: string) => `${column} + 0` };
const asHex = {
  ...asItIs,
  source: (column: string) => `HEX(${column})`,
  target: (column: string) => `upper(encode(${column}, 'hex'))`,
};
const asMoment = { ...asText, of: moment };

const spellings: Readonly<Record<string, Spelling>> = {
  ...named("tinyint smallint mediumint int bigint decimal year", asNumber),
  ...named("binary varbinary tinyblob blob mediumblob longblob", asHex),
  ...named("date datetime timestamp time", asMoment),
  ...named("uuid inet4 inet6", asText),
  float: {
    ...asItIs,
    source: (column) => `CAST(${column} AS DOUBLE)`,
    of: (text) => String(Math.fround(Number(text))),
  },
  double: { ...asItIs, source: (column) => column, of: (text) => String(Number(text)) },
  json: { ...asText, of: (text) => text },
  vector: { ...asItIs, source: (column) => `VECTOR_TO_STRING(${column})`, of: sameJson },
  ...named("geometry point linestring polygon multipoint geomcollection", {
    ...asItIs,
    source: (column) => `CAST(ST_AsGeoJSON(${column}) AS CHAR)`,
    of: sameJson,
  }),
};

function named(names: string, spelling: Spelling): Readonly<Record<string, Spelling>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, spelling]));
}

/** Trailing zeros of a fraction say nothing; a date with a zero part is NULL by the option that the suite sets. */
function moment(text: string): string | null {
  if (/^\d{4}-(00|\d\d-00)/.test(text)) return null;
  return text
    .replace(/\+00$/, "")
    .replace(/(\.\d*?)0+$/, "$1")
    .replace(/\.$/, "");
}

/** The same document, however it is laid out. */
function sameJson(text: string): string {
  const sorted = (_: string, value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(JSON.parse(text), sorted);
}

/** A column of the source. */
interface SourceColumn {
  readonly name: string;
  readonly spelling: Spelling;
  readonly isJson: boolean;
}

function spellingOf(dataType: string, columnType: string): Spelling {
  if (dataType !== "bit") return spellings[dataType] ?? asItIs;
  const bits = Number(/\d+/.exec(columnType)?.[0] ?? 1);
  if (bits === 1) return { ...asNumber, target: (column) => `${column}::int` };
  const digits = 2 * Math.ceil(bits / 8);
  return { ...asHex, source: (column) => `LPAD(HEX(${column} + 0), ${digits}, '0')` };
}

/** Opens a session whose texts are comparable. */
export async function openMysqlSession(uri: string): Promise<mysql.Connection> {
  const session = await mysql.createConnection({
    uri,
    rowsAsArray: true,
    typeCast: (field) => field.string("utf8"),
  });
  session.on("error", () => undefined);
  await session.query("SET time_zone = '+00:00'");
  return session;
}

async function rowsOf(
  session: mysql.Connection,
  sql: string,
  values: readonly string[] = [],
): Promise<(string | null)[][]> {
  const [rows]: [unknown, unknown] = await session.query(sql, [...values]);
  return rows as (string | null)[][];
}

async function sourceColumns(
  session: mysql.Connection,
  { schema, name }: ComparedTable["source"],
): Promise<readonly SourceColumn[]> {
  const rows = await rowsOf(
    session,
    `SELECT column_name, data_type, column_type FROM information_schema.columns
     WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`,
    [schema, name],
  );
  return rows.map(([column, dataType, columnType]) => ({
    name: column ?? "",
    spelling: spellingOf(dataType ?? "", columnType ?? ""),
    isJson: dataType === "json",
  }));
}

/** Compares one table: its columns, then every row. */
export async function compareMysqlTable(
  source: mysql.Connection,
  target: pg.Client,
  table: ComparedTable,
): Promise<Comparison> {
  const name = `${table.source.schema}.${table.source.name}`;
  const all = await sourceColumns(source, table.source);
  const columns = all.filter((column) => table.leftOut?.includes(column.name) !== true);
  const targetTypes = await targetColumns(target, table.target);
  const differences = compareColumns(
    columns.map((column) => column.name),
    targetTypes,
  );
  if (differences.length > 0) return { table: name, sourceRows: -1, targetRows: -1, differences };
  const read = {
    source: columns.map((column) => column.spelling.source(mysqlDialect.quote(column.name))),
    target: columns.map((column) => column.spelling.target(quote(column.name))),
  };
  const from = `${mysqlDialect.quote(table.source.schema)}.${mysqlDialect.quote(table.source.name)}`;
  const raw = await rowsOf(source, `SELECT ${read.source.join(", ")} FROM ${from}`);
  const sourceRows = spelled(await castJson(target, raw, columns, targetTypes), columns);
  const into = `${quote(table.target.schema)}.${quote(table.target.name)}`;
  const targetRows = spelled(
    await textRows(target, `SELECT ${read.target.join(", ")} FROM ${into}`),
    columns,
  );
  return {
    table: name,
    sourceRows: sourceRows.length,
    targetRows: targetRows.length,
    differences: compareRows(
      sourceRows,
      targetRows,
      columns.map((column) => column.name),
    ),
  };
}

function spelled(
  rows: readonly (readonly (string | null)[])[],
  columns: readonly SourceColumn[],
): (string | null)[][] {
  return rows.map((row) =>
    row.map((text, at) => (text === null ? null : (columns[at]?.spelling.of(text) ?? null))),
  );
}

/** JSON as the target would print it, had it been given the source's text. */
async function castJson(
  target: pg.Client,
  rows: (string | null)[][],
  columns: readonly SourceColumn[],
  targetTypes: ReadonlyMap<string, string>,
): Promise<(string | null)[][]> {
  let cast = rows;
  for (const [at, { name, isJson }] of columns.entries()) {
    const type = targetTypes.get(name) ?? "text";
    if (!isJson || type === "text") continue;
    const texts = await textRows(
      target,
      `SELECT v::${type} FROM unnest($1::text[]) WITH ORDINALITY AS given(v, nth) ORDER BY nth`,
      [rows.map((row) => row[at] ?? null)],
    );
    cast = cast.map((row, nth) => row.with(at, texts[nth]?.[0] ?? null));
  }
  return cast;
}
