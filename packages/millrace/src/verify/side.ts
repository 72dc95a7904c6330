import type { TableReader, TextRow } from "./table-reader.ts";
import type { Expression } from "./sql-text.ts";
import { arrayLiteral, Parameters, quoteColumn, quoteName, rowAlias } from "./sql-text.ts";
import { rowHash } from "./canonical.ts";

/** A column as one side sees it. */
export interface SideColumn {
  readonly name: string;
  /** The side's own spelling of the type, for casts. */
  readonly sqlType: string;
  /** Text that equals the other side's for equal values. */
  readonly text: Expression;
  /** Turns canonical text (an SQL expression) back into a value of the column; null where that cannot be done. */
  readonly parse: ((text: string) => string) | null;
}

/** A key as canonical texts, in key order. */
export type KeyTexts = readonly string[];

/** A row by its key, with the hash of all its columns. */
export interface HashedRow {
  readonly key: KeyTexts;
  readonly hash: string;
}

/** A range of keys with the hash over its rows, and its last key (null when it is empty). */
export interface HashedRange {
  readonly rows: number;
  readonly hash: string;
  readonly lastKey: KeyTexts | null;
}

/** Bounds as canonical keys; `from` is exclusive, `to` inclusive, null is open. */
export interface KeyBounds {
  readonly from: KeyTexts | null;
  readonly to: KeyTexts | null;
}

/** One table on one side: what can be asked about it, however its rows are read. */
export interface Side {
  readonly columns: readonly { readonly name: string }[];
  readonly key: readonly { readonly name: string }[];
  /** All rows in the side's own key order, some at a time. */
  pages(limit: number): AsyncIterable<readonly HashedRow[]>;
  /** Those of some rows that are there. */
  rowsOf(keys: readonly KeyTexts[]): Promise<readonly HashedRow[]>;
  /** Those of some keys that have a row. */
  keysOf(keys: readonly KeyTexts[]): Promise<readonly KeyTexts[]>;
  /** A hash of each column of one row, in column order; null when the row is gone. */
  columnHashes(key: KeyTexts): Promise<readonly (string | null)[] | null>;
  /** How many rows there are per row hash prefix, each with a hash over its rows. */
  hashBuckets(): Promise<readonly HashBucket[]>;
  /** How often each row hash occurs within some buckets. */
  hashCounts(buckets: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** The rows whose hashes begin alike. */
export interface HashBucket {
  readonly bucket: string;
  readonly rows: number;
  readonly hash: string;
}

/** A table that its server hashes itself. Holds no state. */
export class SideTable implements Side {
  readonly columns: readonly SideColumn[];
  readonly key: readonly SideColumn[];
  readonly #reader: TableReader;
  readonly #from: string;
  readonly #hash: Expression;

  constructor(
    reader: TableReader,
    table: { readonly schema: string; readonly name: string },
    columns: readonly SideColumn[],
    key: readonly SideColumn[],
  ) {
    this.#reader = reader;
    this.#from = `${quoteName(table.schema)}.${quoteName(table.name)} AS ${rowAlias}`;
    this.columns = columns;
    this.key = key;
    this.#hash = rowHash(columns.map(({ text }) => text));
  }

  /** The next `limit` rows after `from` as one hash. */
  async hashPage(from: KeyTexts | null, limit: number): Promise<HashedRange> {
    const p = new Parameters();
    const names = this.key.map((_, index) => `k${index}`);
    const page = `SELECT ${this.#keySelect(p)}, ${this.#hash(p)} AS h, row_number() OVER (ORDER BY ${this.#keyNames()}) AS rn
      FROM ${this.#from} ${this.#where(p, { from, to: null })} ORDER BY ${this.#keyNames()} LIMIT ${limit}`;
    const [row] = await this.#query(
      `WITH page AS (${page}), summary AS (SELECT count(*) AS n, ${hashOfHashes} AS hh, max(rn) AS last FROM page)
      SELECT n, hh, ${names.join(", ")} FROM summary LEFT JOIN page ON rn = last`,
      p,
    );
    const [n, hash, ...lastKey] = row ?? [];
    return {
      rows: Number(n ?? 0),
      hash: hash ?? "",
      lastKey: n === "0" ? null : lastKey.map((text) => text ?? ""),
    };
  }

  /** The rows of a range as one hash. */
  async hashRange(bounds: KeyBounds): Promise<HashedRange> {
    const p = new Parameters();
    const rows = `SELECT ${this.#hash(p)} AS h FROM ${this.#from} ${this.#where(p, bounds)}`;
    const [row] = await this.#query(`SELECT count(*), ${hashOfHashes} FROM (${rows}) AS hashed`, p);
    return { rows: Number(row?.[0] ?? 0), hash: row?.[1] ?? "", lastKey: null };
  }

  /** Every row of a range. */
  async rowsIn(bounds: KeyBounds): Promise<readonly HashedRow[]> {
    const p = new Parameters();
    const select = `SELECT ${this.#hash(p)}, ${this.#keySelect(p)}`;
    return toRows(await this.#query(`${select} FROM ${this.#from} ${this.#where(p, bounds)}`, p));
  }

  async *pages(limit: number): AsyncGenerator<readonly HashedRow[]> {
    let from: KeyTexts | null = null;
    for (;;) {
      const page: readonly HashedRow[] = await this.#page(from, limit);
      yield page;
      const last = page.at(-1);
      if (page.length < limit || last === undefined) return;
      from = last.key;
    }
  }

  async #page(from: KeyTexts | null, limit: number): Promise<readonly HashedRow[]> {
    const p = new Parameters();
    const select = `SELECT ${this.#hash(p)}, ${this.#keySelect(p)}`;
    const where = this.#where(p, { from, to: null });
    const order = `ORDER BY ${this.#keyNames()} LIMIT ${limit}`;
    return toRows(await this.#query(`${select} FROM ${this.#from} ${where} ${order}`, p));
  }

  async rowsOf(keys: readonly KeyTexts[]): Promise<readonly HashedRow[]> {
    if (keys.length === 0) return [];
    const p = new Parameters();
    const select = `SELECT ${this.#hash(p)}, ${this.#keySelect(p)} FROM ${this.#from}`;
    return toRows(await this.#query(`${select} ${this.#joinKeys(p, keys)}`, p));
  }

  async keysOf(keys: readonly KeyTexts[]): Promise<readonly KeyTexts[]> {
    if (keys.length === 0) return [];
    const p = new Parameters();
    const select = `SELECT ${this.#keySelect(p)} FROM ${this.#from}`;
    return toKeys(await this.#query(`${select} ${this.#joinKeys(p, keys)}`, p));
  }

  async columnHashes(key: KeyTexts): Promise<readonly (string | null)[] | null> {
    const p = new Parameters();
    const hashes = this.columns.map(({ text }) => `md5(${text(p)})`).join(", ");
    const [row] = await this.#query(
      `SELECT ${hashes} FROM ${this.#from} ${this.#joinKeys(p, [key])}`,
      p,
    );
    return row ?? null;
  }

  async hashBuckets(): Promise<readonly HashBucket[]> {
    const p = new Parameters();
    const rows = await this.#query(
      `SELECT left(h, ${bucketDigits}), count(*), ${hashOfHashes} FROM (SELECT ${this.#hash(p)} AS h FROM ${this.#from}) AS hashed GROUP BY 1`,
      p,
    );
    return rows.map(([bucket, n, hash]) => ({
      bucket: bucket ?? "",
      rows: Number(n),
      hash: hash ?? "",
    }));
  }

  async hashCounts(buckets: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (buckets.length === 0) return new Map();
    const p = new Parameters();
    const wanted = `${p.bind(arrayLiteral(buckets))}::text[]`;
    const rows = await this.#query(
      `SELECT h, count(*) FROM (SELECT ${this.#hash(p)} AS h FROM ${this.#from}) AS hashed WHERE left(h, ${bucketDigits}) = ANY(${wanted}) GROUP BY 1`,
      p,
    );
    return new Map(rows.map(([hash, n]) => [hash ?? "", Number(n)]));
  }

  #query(sql: string, parameters: Parameters): Promise<readonly TextRow[]> {
    return this.#reader.query(sql, parameters.values);
  }

  #keySelect(p: Parameters): string {
    return this.key.map(({ text }, index) => `${text(p)} AS k${index}`).join(", ");
  }

  #keyNames(): string {
    return this.key.map(({ name }) => quoteColumn(name)).join(", ");
  }

  #where(p: Parameters, { from, to }: KeyBounds): string {
    const row = `(${this.#keyNames()})`;
    const conditions = [
      ...(from === null ? [] : [`${row} > (${this.#values(p, from)})`]),
      ...(to === null ? [] : [`${row} <= (${this.#values(p, to)})`]),
    ];
    return conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  }

  #values(p: Parameters, key: KeyTexts): string {
    return this.key.map((column, index) => parsed(column, p.bind(key[index] ?? ""))).join(", ");
  }

  #joinKeys(p: Parameters, keys: readonly KeyTexts[]): string {
    const arrays = this.key.map((_, at) => {
      const texts = keys.map((key) => key[at] ?? "");
      return `${p.bind(arrayLiteral(texts))}::text[]`;
    });
    const names = this.key.map((_, index) => `u${index}`);
    const equal = this.key.map(
      (column, index) => `${quoteColumn(column.name)} = ${parsed(column, `u${index}`)}`,
    );
    return `JOIN unnest(${arrays.join(", ")}) AS u(${names.join(", ")}) ON ${equal.join(" AND ")}`;
  }
}

/** Hexadecimal digits of a row's hash that name its bucket. */
export const bucketDigits = 3;

/** Row hashes are hexadecimal, so that every collation sorts them alike. */
const hashOfHashes = "md5(coalesce(string_agg(h, '' ORDER BY h), ''))";

function parsed(column: SideColumn, text: string): string {
  return column.parse === null ? text : column.parse(text);
}

function toKeys(rows: readonly TextRow[]): readonly KeyTexts[] {
  return rows.map((key) => key.map((text) => text ?? ""));
}

function toRows(rows: readonly TextRow[]): readonly HashedRow[] {
  return rows.map(([hash, ...key]) => ({
    hash: hash ?? "",
    key: key.map((text) => text ?? ""),
  }));
}
