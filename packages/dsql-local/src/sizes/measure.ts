/**
 * Measures the rows that a transaction wrote, inside it: values, rows, keys and all bytes. Rows whose places are known
 * are looked up, which costs the same in any table; for others the whole table is read.
 */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import { identifier, literal, readRow } from "../postgres/rows.ts";
import { bounds, type Limits } from "../rules/bounds.ts";
import type { Profile } from "../rules/profile.ts";
import { Violation } from "../rules/rule.ts";
import { violation } from "../rules/table.ts";
import type { Answer } from "../session/answer.ts";
import {
  tableName,
  typeBytes,
  type ColumnFacts,
  type TableFacts,
  type TableFactsCache,
} from "./table-facts.ts";

/** Rows that the running transaction wrote: nothing that its snapshot sees is younger. */
export function isOwn(row: string): string {
  return `age(${row}.xmin) <= age(pg_current_xact_id()::xid)`;
}

/**
 * Rows at these places, as a FROM clause. OFFSET keeps PostgreSQL from reading the table from end to end instead, which
 * it takes for cheaper where there are many places.
 */
export function rowsAt(table: TableKey, places: readonly string[], alias: string): string {
  const list = places.map((place) => `"${place}"`).join(",");
  return `unnest('{${list}}'::tid[]) AS places (place),
    LATERAL (SELECT * FROM ${tableName(table)} WHERE ctid = place OFFSET 0) AS ${alias}`;
}

/** A larger table is not looked through for rows whose places are not known. */
const MOST_LOOKED_THROUGH_BYTES = 16 * 1024 * 1024;

/** Whether a table may be looked through from end to end. */
export async function isSmall(runner: CommandRunner, table: TableKey): Promise<boolean> {
  const name = literal(tableName(table));
  const sql = `SELECT 1 WHERE pg_table_size(${name}::regclass) <= ${MOST_LOOKED_THROUGH_BYTES}`;
  return (await runner.command(sql)).rows.length > 0;
}

/** What a measure says. */
export interface Measured {
  /** What is too large: a type for a value, `row`, `key`; undefined when nothing is. */
  readonly broken: string | undefined;
  /** The bytes written, as the service would count them. */
  readonly bytes: number;
}

/** What is needed of the worker. */
export interface CommandRunner {
  command(sql: string): Promise<Answer>;
}

/** What rows are measured by. */
export interface Scales {
  readonly facts: TableFactsCache;
  readonly limits: Limits;
  readonly profile: Profile;
}

/** Measures for one session. All methods only in a turn, inside an open transaction. */
export class Measure {
  readonly #worker: CommandRunner;
  readonly #facts: TableFactsCache;
  readonly #scales: Scales;

  constructor(worker: CommandRunner, scales: Scales) {
    this.#worker = worker;
    this.#facts = scales.facts;
    this.#scales = scales;
  }

  /** Rows at these places, or all that the transaction has written to the table. Throws OC001 when the table has changed. */
  async rows(table: TableKey, places: readonly string[] | undefined): Promise<Measured> {
    const facts = await this.#facts.of(table);
    if (!facts.isTable || places?.length === 0) return { broken: undefined, bytes: 0 };
    const from =
      places === undefined
        ? `${tableName(table)} AS own WHERE ${isOwn("own")}`
        : rowsAt(table, places, "own");
    const sql = `SELECT coalesce(sum((${bytesOf(facts, this.#scales.profile.has("textCompression"))})::bigint), 0), min((${brokenIn(facts, this.#scales)}) COLLATE "C") FROM ${from}`;
    const answer = await this.#worker.command(sql).catch((error: unknown) => {
      throw this.#retold(error, table);
    });
    const [bytes, broken] = answer.rows.map(readRow)[0] ?? [];
    return { broken: broken ?? undefined, bytes: Number(bytes ?? 0) };
  }

  /** The columns that we knew of are not those of the table any more. */
  #retold(error: unknown, table: TableKey): unknown {
    const gone = error instanceof Violation && /^42(?:703|P01)$/.test(error.report.code);
    if (!gone) return error;
    this.#facts.forget(table);
    return violation("schemaConflict");
  }
}

/** Throws what a measure found to be too large. */
export function refuseBroken({ broken }: Measured): void {
  if (broken === undefined) return;
  if (broken === "row") throw violation("rowSize");
  if (broken === "key") throw violation("keySize");
  const [limit = "", type = ""] = broken.slice(1).split(" ");
  throw violation("columnSize", { type, limit });
}

/** A row's bytes with those of its entries in secondary indexes, and what each costs besides. */
function bytesOf({ columns, indexes, secondaryIndexes }: TableFacts, compressed: boolean): string {
  const entries = indexes.filter((index) => !index.primary).flatMap((index) => index.columns);
  return [
    ...columns.map((column) => rowBytes(column, compressed)),
    ...entries.map(keyBytesIn(columns)),
    String(bounds.bytesPerRowOverhead + bounds.bytesPerIndexEntryOverhead * secondaryIndexes),
  ].join(" + ");
}

/** What is too large in a row: the lowest of these texts is told. */
function brokenIn(facts: TableFacts, { limits, profile }: Scales): string {
  const compressed = profile.has("textCompression");
  const long = facts.columns
    .filter(isLong)
    .flatMap((column) => longCases(column, limits.valueBytes, compressed));
  const sum = facts.columns.map((column) => rowBytes(column, compressed)).join(" + ");
  const keys = keyConditions(facts, limits.keyBytes).map(
    (condition) => `WHEN ${condition} THEN 'key'`,
  );
  const row = sum === "" ? [] : [`WHEN ${sum} > ${limits.rowBytes} THEN 'row'`];
  const cases = [...long, ...row, ...keys];
  return cases.length === 0 ? "NULL::text" : `CASE ${cases.join(" ")} END`;
}

/** A key's bytes are those of its columns; a secondary key carries the primary key too (source T). */
function keyConditions({ columns: all, indexes }: TableFacts, most: number): string[] {
  const primary = indexes.find((index) => index.primary)?.columns ?? [];
  return indexes
    .map((index) => (index.primary ? primary : [...index.columns, ...primary]))
    .filter((columns) => columns.length > 0)
    .map((columns) => {
      const limit = most - bounds.keyBytesPerFurtherColumn * (columns.length - 1);
      return `${columns.map(keyBytesIn(all)).join(" + ")} > ${limit}`;
    });
}

/** Types that hold much, with how their size is found: bytea by its bytes, texts since their compression and JSON as stored (source T, RN). */
const LONG: Readonly<Record<string, "bytes" | "text" | "stored">> = {
  bytea: "bytes",
  text: "text",
  varchar: "text",
  bpchar: "text",
  json: "stored",
  jsonb: "stored",
};

/** Whether values of a column may be above the limit of one value. */
export function isLong({ type }: ColumnFacts): boolean {
  return LONG[type] !== undefined;
}

/** The mark before the limit and the type puts values before rows and keys. */
function longCases(column: ColumnFacts, most: number, compressed: boolean): string[] {
  const { name, type } = column;
  const told = (limit: number): string => literal(`!${limit} ${type}`);
  const ofType = typeBytes(column);
  // The spaces behind what was written are the type's own.
  const written = `octet_length(${identifier(name)}::text)`;
  return [
    ...(ofType === Infinity ? [] : [`WHEN ${written} > ${ofType} THEN ${told(ofType)}`]),
    `WHEN ${sizeOf(column, compressed)} > ${most} THEN ${told(most)}`,
  ];
}

/** A value's bytes as the service counts them, in rows and transactions too; NULL for NULL. */
function sizeOf({ name, type }: Pick<ColumnFacts, "name" | "type">, compressed: boolean): string {
  const column = identifier(name);
  const plain = LONG[type] === "bytes" || (LONG[type] === "text" && !compressed);
  return plain ? `octet_length(${column})` : `pg_column_size(${column})`;
}

function rowBytes(column: Pick<ColumnFacts, "name" | "type">, compressed: boolean): string {
  return `coalesce(${sizeOf(column, compressed)}, 0)`;
}

/** Keys are stored uncompressed (source DT): a text counts by its bytes, all else by its width. */
function keyBytesIn(columns: readonly ColumnFacts[]): (name: string) => string {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  return (name) => rowBytes({ name, type: types.get(name) ?? "text" }, false);
}
