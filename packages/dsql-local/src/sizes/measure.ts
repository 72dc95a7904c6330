/**
 * Measures what a transaction wrote, inside it: values, rows and keys after a suspicious statement,
 * all bytes before COMMIT when an estimate came near the limit. The estimates keep these scans rare.
 */
import type { TableKey } from "../concurrency/catalogue-versions.ts";
import { identifier, literal, readRow, type TextRow } from "../postgres/rows.ts";
import { bounds } from "../rules/limits.ts";
import { violation } from "../rules/table.ts";
import type { Worker } from "../session/worker.ts";

/** Rows that the running transaction wrote: nothing that its snapshot sees is younger. */
const OWN_ROWS = "age(xmin) <= age(pg_current_xact_id()::xid)";

interface Column {
  readonly name: string;
  readonly type: string;
}

interface Index {
  readonly primary: boolean;
  readonly columns: readonly string[];
}

/** Measures for one session. All methods only in a turn, inside an open transaction. */
export class Measure {
  readonly #worker: Worker;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** Throws when a value, a row or a key that was written to a table is too large. */
  async checkValues(table: TableKey): Promise<void> {
    const columns = await this.#columns(table);
    if (columns.length === 0) return;
    const from = tableName(table);
    const tooLong = columns.filter((column) => LONG[column.type] !== undefined).map(longCase);
    const sum = columns.map((column) => sizeOf(column.name)).join(" + ");
    const keys = await this.#keyConditions(table);
    const cases = [
      ...tooLong,
      `WHEN ${sum} > ${bounds.rowBytes} THEN 'row'`,
      ...keys.map((condition) => `WHEN ${condition} THEN 'key'`),
    ];
    const [row] = await this.#rows(`SELECT broken FROM (
      SELECT CASE ${cases.join(" ")} END AS broken FROM ${from} WHERE ${OWN_ROWS}
    ) AS own WHERE broken IS NOT NULL LIMIT 1`);
    const broken = row?.[0];
    if (broken === undefined || broken === null) return;
    if (broken === "row") throw violation("rowSize");
    if (broken === "key") throw violation("keySize");
    throw violation("columnSize", { type: broken });
  }

  /** The bytes that the transaction wrote to a table, as the service would count them. */
  async writtenBytes(table: TableKey): Promise<number> {
    const columns = await this.#columns(table);
    if (columns.length === 0) return 0;
    const indexes = (await this.#indexes(table)).filter((index) => !index.primary);
    const entryBytes = indexes.flatMap((index) => index.columns).map(sizeOf);
    const perRow = [
      ...columns.map((column) => sizeOf(column.name)),
      ...entryBytes,
      String(bounds.bytesPerRowOverhead),
      String(bounds.bytesPerIndexEntryOverhead * indexes.length),
    ];
    const [row] = await this.#rows(
      `SELECT coalesce(sum((${perRow.join(" + ")})::bigint), 0) FROM ${tableName(table)} WHERE ${OWN_ROWS}`,
    );
    return Number(row?.[0] ?? 0);
  }

  async #columns(table: TableKey): Promise<Column[]> {
    const rows = await this.#rows(`
      SELECT a.attname, t.typname FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
      WHERE a.attrelid = to_regclass(${literal(tableName(table))}) AND a.attnum > 0 AND NOT a.attisdropped`);
    return rows.map(([name, type]) => ({ name: name ?? "", type: type ?? "" }));
  }

  async #indexes(table: TableKey): Promise<Index[]> {
    const rows = await this.#rows(`
      SELECT i.indisprimary, array_to_string(ARRAY(
        SELECT quote_ident(a.attname) FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, n)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.n), ',')
      FROM pg_index AS i WHERE i.indrelid = to_regclass(${literal(tableName(table))})`);
    return rows.map(([primary, columns]) => ({
      primary: primary === "t",
      columns: columns === null || columns === "" ? [] : splitQuoted(columns ?? ""),
    }));
  }

  /** A key's bytes are those of its columns; a secondary key carries the primary key too (source T). */
  async #keyConditions(table: TableKey): Promise<string[]> {
    const indexes = await this.#indexes(table);
    const primary = indexes.find((index) => index.primary)?.columns ?? [];
    return indexes
      .map((index) => (index.primary ? primary : [...index.columns, ...primary]))
      .filter((columns) => columns.length > 0)
      .map((columns) => {
        const limit = bounds.keyBytes - bounds.keyBytesPerFurtherColumn * (columns.length - 1);
        return `${columns.map(keyBytes).join(" + ")} > ${limit}`;
      });
  }

  async #rows(sql: string): Promise<TextRow[]> {
    const answer = await this.#worker.command(sql);
    return answer.rows.map(readRow);
  }
}

/** Types that hold much, with how their size is found: bytea by its bytes, others as stored (source T). */
const LONG: Readonly<Record<string, "bytes" | "stored">> = {
  bytea: "bytes",
  text: "stored",
  varchar: "stored",
  bpchar: "stored",
  json: "stored",
  jsonb: "stored",
};

function longCase(column: Column): string {
  const name = identifier(column.name);
  const size = LONG[column.type] === "bytes" ? `octet_length(${name})` : `pg_column_size(${name})`;
  return `WHEN ${size} > ${bounds.valueBytes} THEN ${literal(column.type)}`;
}

function sizeOf(column: string): string {
  const name = column.startsWith('"') ? column : identifier(column);
  return `coalesce(pg_column_size(${name}), 0)`;
}

/** Keys are stored uncompressed (source DT): texts count by their bytes. */
function keyBytes(quotedColumn: string): string {
  return `coalesce(octet_length(${quotedColumn}::text), 0)`;
}

function tableName(table: TableKey): string {
  const dot = table.indexOf(".");
  return `${identifier(table.slice(0, dot))}.${identifier(table.slice(dot + 1))}`;
}

/** Splits names that quote_ident made, joined by commas. */
function splitQuoted(names: string): string[] {
  return (names.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []).map((name) =>
    name.startsWith('"') ? name : identifier(name),
  );
}
