import { Skimmed, UNCHANGED, type Row, type Value } from "../model/value.ts";
import { rowHash } from "./canonical.ts";
import type { HashedRow, KeyTexts, SideColumn } from "./side.ts";
import { nullableArrayLiteral, Parameters, quoteName, rowAlias } from "./sql-text.ts";
import { isDataException, type TableReader, type TextRow } from "./table-reader.ts";

/** In place of the hash of a row that the target could not hold: it equals no other. */
const NO_SUCH_ROW = "unrepresentable";

/** Values of one statement, characters. */
const MOST_CHARS = 1_000_000;

/**
 * Hashes rows that a source has given as the target's server would, had the pipeline written them there: it casts their
 * texts to the target's types, so that spellings, padding and roundings are the target's own.
 */
export class RowHasher {
  readonly #reader: TableReader;
  readonly #columns: readonly SideColumn[];
  readonly #key: readonly SideColumn[];

  /** Columns as the target has them, in the rows' order. */
  constructor(reader: TableReader, columns: readonly SideColumn[], key: readonly SideColumn[]) {
    this.#reader = reader;
    this.#columns = columns;
    this.#key = key;
  }

  /** Of each row its key and its hash, in no order. */
  async hash(rows: readonly Row[]): Promise<readonly HashedRow[]> {
    const hashed: HashedRow[] = [];
    for (const some of this.#pieces(rows)) hashed.push(...(await this.#hashAtOnce(some)));
    return hashed;
  }

  /** A server takes statements of some size only: DSQL ends a session that sends a larger one. */
  *#pieces(rows: readonly Row[]): Generator<readonly Row[]> {
    let from = 0;
    let chars = 0;
    for (const [at, row] of rows.entries()) {
      const more = row.reduce((sum: number, value) => sum + (textOf(value)?.length ?? 0), 0);
      if (at > from && chars + more > MOST_CHARS) {
        yield rows.slice(from, at);
        [from, chars] = [at, 0];
      }
      chars += more;
    }
    yield rows.slice(from);
  }

  async #hashAtOnce(rows: readonly Row[]): Promise<readonly HashedRow[]> {
    if (rows.length === 0) return [];
    const hash = rowHash(this.#columns.map(({ text }) => text));
    const answer = await this.#ask(rows, (p) => [hash(p), ...this.#key.map(({ text }) => text(p))]);
    if (answer !== null)
      return answer.map(([hashed, ...key]) => ({
        hash: hashed ?? "",
        key: key.map((text) => text ?? ""),
      }));
    const [first, ...more] = rows;
    if (first === undefined) return [];
    if (more.length === 0) return [{ hash: NO_SUCH_ROW, key: await this.#keyOf(first) }];
    const half = rows.length >> 1;
    const before = await this.#hashAtOnce(rows.slice(0, half));
    return [...before, ...(await this.#hashAtOnce(rows.slice(half)))];
  }

  /** The keys of rows that may have nothing else. */
  async keys(rows: readonly Row[]): Promise<readonly KeyTexts[]> {
    if (rows.length === 0) return [];
    const select = (p: Parameters) => this.#key.map(({ text }) => text(p));
    const answer = await this.#ask(rows, select, this.#key);
    if (answer !== null) return answer.map((key) => key.map((text) => text ?? ""));
    return Promise.all(rows.map((row) => this.#keyOf(row)));
  }

  /** A hash of each column of a row; all null where the target could not hold the row. */
  async columnHashes(row: Row): Promise<readonly (string | null)[]> {
    const answer = await this.#ask([row], (p) =>
      this.#columns.map(({ text }) => `md5(${text(p)})`),
    );
    return answer?.[0] ?? this.#columns.map(() => null);
  }

  /** The key alone may be fine; else its texts as they came. */
  async #keyOf(row: Row): Promise<readonly string[]> {
    const answer = await this.#ask([row], (p) => this.#key.map(({ text }) => text(p)), this.#key);
    return (answer?.[0] ?? this.#key.map((column) => textOf(this.#valueOf(row, column)))).map(
      (text) => text ?? "",
    );
  }

  /** Null where the target cannot hold some value. */
  async #ask(
    rows: readonly Row[],
    select: (p: Parameters) => readonly string[],
    columns: readonly SideColumn[] = this.#columns,
  ): Promise<readonly TextRow[] | null> {
    if (rows.some((row) => columns.some((column) => this.#valueOf(row, column) instanceof Skimmed)))
      return null;
    const p = new Parameters();
    const selected = select(p);
    const arrays = columns.map(
      (column) =>
        `${p.bind(nullableArrayLiteral(rows.map((row) => textOf(this.#valueOf(row, column)))))}::text[]`,
    );
    const casts = columns.map(
      ({ name, sqlType }, at) => `u.c${at}::${sqlType} AS ${quoteName(name)}`,
    );
    const names = columns.map((_, at) => `c${at}`);
    const given = `unnest(${arrays.join(", ")}) AS u(${names.join(", ")})`;
    const sql = `SELECT ${selected.join(", ")} FROM (SELECT ${casts.join(", ")} FROM ${given}) AS ${rowAlias}`;
    try {
      return await this.#reader.query(sql, p.values);
    } catch (error) {
      if (isDataException(error)) return null;
      throw error;
    }
  }

  #valueOf(row: Row, column: SideColumn): Value {
    return row[this.#columns.indexOf(column)] ?? null;
  }
}

/** As a sink writes it. */
function textOf(value: Value): string | null {
  if (value === null || value === UNCHANGED || value instanceof Skimmed) return null;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  return String(value);
}
