import { isRespellable } from "../../model/key-text.ts";
import type { TargetTable } from "../../model/table.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import type { Statement } from "./statement.ts";
import { statement } from "./statement.ts";

/**
 * How rows travel to a statement: one array per column, or, where the server refuses that, so many rows of plain
 * parameters.
 */
export type Feed = "arrays" | number;

/**
 * The statements of one target table, each compiled once. Rows travel as one array per column, so that one plan serves
 * every number of rows and the limit of 65,535 parameters is never met. Casts name the column's full type, because a
 * bare `numeric` means `numeric(18,6)` on DSQL.
 */
export class TableStatements {
  readonly #table: TargetTable;
  readonly #name: string;
  readonly #compiled = new Map<string, Statement>();
  /** Key columns that are written with the others, because one key has several spellings: `1.0` becomes `1.00`. */
  readonly #respelled: readonly number[];

  constructor(table: TargetTable, updatesKeys: boolean) {
    this.#table = table;
    this.#respelled = updatesKeys ? table.key.filter((index) => this.#hasSpellings(index)) : [];
    this.#name = quoteTable(table);
  }

  /** Parameters: the rows, all columns. The key decides whether a row is new. */
  upsert(feed: Feed): Statement {
    return this.#once(`upsert ${feed}`, () => `${this.#insertText(feed)} ${this.#onConflict()}`);
  }

  /** Parameters: the rows, all columns. */
  insert(feed: Feed): Statement {
    return this.#once(`insert ${feed}`, () => this.#insertText(feed));
  }

  /** The rows follow as COPY's text, all columns. */
  get copyIn(): Statement {
    return this.#once(
      "copy in",
      () => `COPY ${this.#name} (${this.#names(this.#all())}) FROM STDIN`,
    );
  }

  /**
   * Parameters: the rows, key columns. Deletes rows that are inserted anew in the same transaction, unless that could
   * be told from an update: nothing then, so that the rows' own keys are in their way.
   */
  clear(feed: Feed): Statement {
    return this.#once(
      `clear ${feed}`,
      () => `${this.#deleteText(feed)} AND ${replaceable(this.#name, this.#table.columns.length)}`,
    );
  }

  /** Parameters: the rows, key columns. */
  deleteByKey(feed: Feed): Statement {
    return this.#once(`delete ${feed}`, () => this.#deleteText(feed));
  }

  /** False where an update of no columns would have nothing to write, not even the spelling of the key. */
  updatesAny(columns: readonly number[]): boolean {
    return columns.length + this.#respelled.length > 0;
  }

  /** Parameters: the rows, key columns, then those of `columns`. Answers the ordinals of the rows it found. */
  update(columns: readonly number[], feed: Feed): Statement {
    return this.#once(`update ${columns.join(",")} ${feed}`, () => this.#updateText(columns, feed));
  }

  /**
   * Copies the row of an old key under a new one. Parameters: the old key's columns, then the columns not in
   * `unchanged`. Changes one row where the old key exists.
   */
  copy(unchanged: readonly number[]): Statement {
    return this.#once(`copy ${unchanged.join(",")}`, () => this.#copyText(unchanged));
  }

  /** Deletes one row that equals the parameters (all columns but the key). */
  get deleteEqual(): Statement {
    return this.#once("delete equal", () => this.#deleteEqualText());
  }

  /** Parameter: how many rows at most. */
  get deleteSome(): Statement {
    return this.#once("delete some", () => this.#deleteSomeText());
  }

  #once(what: string, text: () => string): Statement {
    const known = this.#compiled.get(what);
    if (known !== undefined) return known;
    const made = statement(text());
    this.#compiled.set(what, made);
    return made;
  }

  #column(index: number): string {
    return quoteName(this.#table.columns[index]?.name ?? "");
  }

  #type(index: number): string {
    return this.#table.columns[index]?.type ?? "text";
  }

  /** Equal values of the column may have several texts. */
  #hasSpellings(index: number): boolean {
    const logical = this.#table.columns[index]?.logical;
    return logical !== undefined && isRespellable(logical);
  }

  #all(): number[] {
    return this.#table.columns.map((_, index) => index);
  }

  #names(indexes: readonly number[]): string {
    return indexes.map((index) => this.#column(index)).join(",");
  }

  /** The rows of `indexes` as a table `u(c0,c1)`, or `u(c0,c1,n)` with the ordinal, from 1. */
  #rows(indexes: readonly number[], feed: Feed, ordinal = false): string {
    const names = [...indexes.map((_, i) => `c${i}`), ...(ordinal ? ["n"] : [])].join(",");
    if (feed === "arrays") {
      const arrays = indexes.map((index, i) => `$${i + 1}::${this.#type(index)}[]`).join(",");
      return `unnest(${arrays})${ordinal ? " WITH ORDINALITY" : ""} AS u(${names})`;
    }
    const row = (n: number) =>
      indexes.map((index, i) => `$${n * indexes.length + i + 1}::${this.#type(index)}`).join(",");
    const rows = Array.from(
      { length: feed },
      (_, n) => `(${row(n)}${ordinal ? `,${n + 1}` : ""})`,
    ).join(",");
    return `(VALUES ${rows}) AS u(${names})`;
  }

  /**
   * Arrays are unnested side by side in the SELECT list: as a table of the FROM clause each of them would be put down
   * and read again, a tenth of the whole statement.
   */
  #insertText(feed: Feed): string {
    const all = this.#all();
    const into = `INSERT INTO ${this.#name} (${this.#names(all)}) SELECT `;
    if (feed === "arrays")
      return into + all.map((i) => `unnest($${i + 1}::${this.#type(i)}[])`).join(",");
    return `${into}${all.map((i) => `u.c${i}`).join(",")} FROM ${this.#rows(all, feed)}`;
  }

  #onConflict(): string {
    const { key } = this.#table;
    const written = this.#all().filter(
      (index) => !key.includes(index) || this.#respelled.includes(index),
    );
    const target = `ON CONFLICT (${this.#names(key)})`;
    if (written.length === 0) return `${target} DO NOTHING`;
    const sets = written.map((index) => `${this.#column(index)}=EXCLUDED.${this.#column(index)}`);
    return `${target} DO UPDATE SET ${sets.join(",")}`;
  }

  #keyJoin(): string {
    return this.#table.key.map((index, i) => `t.${this.#column(index)}=u.c${i}`).join(" AND ");
  }

  #deleteText(feed: Feed): string {
    const { key } = this.#table;
    const [only] = key;
    if (feed === "arrays" && key.length === 1 && only !== undefined) {
      return `DELETE FROM ${this.#name} WHERE ${this.#column(only)}=ANY($1::${this.#type(only)}[])`;
    }
    return `DELETE FROM ${this.#name} AS t USING ${this.#rows(key, feed)} WHERE ${this.#keyJoin()}`;
  }

  #updateText(columns: readonly number[], feed: Feed): string {
    const { key } = this.#table;
    const spelled = this.#respelled.map(
      (index) => `${this.#column(index)}=u.c${key.indexOf(index)}`,
    );
    const others = columns.map((index, i) => `${this.#column(index)}=u.c${key.length + i}`);
    const sets = [...spelled, ...others].join(",");
    const from = this.#rows([...key, ...columns], feed, true);
    return `UPDATE ${this.#name} AS t SET ${sets} FROM ${from} WHERE ${this.#keyJoin()} RETURNING u.n`;
  }

  #copyText(unchanged: readonly number[]): string {
    const { key } = this.#table;
    let parameter = key.length;
    const selected = this.#all().map((index) =>
      unchanged.includes(index)
        ? `o.${this.#column(index)}`
        : `$${++parameter}::${this.#type(index)}`,
    );
    const old = key
      .map((index, i) => `o.${this.#column(index)}=$${i + 1}::${this.#type(index)}`)
      .join(" AND ");
    const insert = `INSERT INTO ${this.#name} (${this.#names(this.#all())})`;
    return `${insert} SELECT ${selected.join(",")} FROM ${this.#name} AS o WHERE ${old} ${this.#onConflict()}`;
  }

  #deleteEqualText(): string {
    const { key } = this.#table;
    const others = this.#all().filter((index) => !key.includes(index));
    const equal = others.map((index, i) => this.#sameValue(index, i + 1)).join(" AND ");
    const where = equal === "" ? "" : ` WHERE ${equal}`;
    const one = `SELECT ${this.#names(key)} FROM ${this.#name}${where}${this.#sameTextFirst(others)} LIMIT 1`;
    return `DELETE FROM ${this.#name} WHERE (${this.#names(key)})=(${one})`;
  }

  /** json has no equality of its own; its text is what the source compares too. */
  #sameValue(index: number, parameter: number): string {
    if (this.#type(index) === "json")
      return `${this.#column(index)}::text IS NOT DISTINCT FROM $${parameter}::text`;
    return `${this.#column(index)} IS NOT DISTINCT FROM $${parameter}::${this.#type(index)}`;
  }

  /** Of rows that are equal, the one that is spelled as the source's was: `1 day` equals `24:00:00`. */
  #sameTextFirst(columns: readonly number[]): string {
    const same = columns.flatMap((index, i) => {
      const value = `$${i + 1}::${this.#type(index)}::text`;
      return this.#hasSpellings(index)
        ? [`${this.#column(index)}::text IS NOT DISTINCT FROM ${value}`]
        : [];
    });
    return same.length === 0 ? "" : ` ORDER BY (${same.join(" AND ")}) DESC`;
  }

  #deleteSomeText(): string {
    const key = this.#names(this.#table.key);
    const some = `SELECT ${key} FROM ${this.#name} ORDER BY ${key} LIMIT $1::bigint`;
    return `DELETE FROM ${this.#name} WHERE (${key}) IN (${some})`;
  }
}

/**
 * True where nobody can tell a row that was deleted and inserted from one that was updated: no triggers and foreign keys
 * (`relhastriggers`), rules, policies, heirs, indexes besides the key's, columns besides ours, publications. Looked at
 * by the statement itself, under the lock that it holds to the end of the transaction.
 */
function replaceable(name: string, columns: number): string {
  const catalogue = "pg_catalog.pg_";
  return (
    `(SELECT c.relkind='r' AND NOT c.relhastriggers AND NOT c.relhasrules AND NOT c.relrowsecurity` +
    ` AND NOT c.relhassubclass AND NOT c.relispartition` +
    ` AND ${columns}=(SELECT count(*) FROM ${catalogue}attribute AS a WHERE a.attrelid=c.oid AND a.attnum>0 AND NOT a.attisdropped)` +
    ` AND 1=(SELECT count(*) FROM ${catalogue}index AS i WHERE i.indrelid=c.oid)` +
    ` AND NOT EXISTS (SELECT FROM ${catalogue}publication)` +
    ` FROM ${catalogue}class AS c WHERE c.oid='${name.replaceAll("'", "''")}'::regclass)`
  );
}
