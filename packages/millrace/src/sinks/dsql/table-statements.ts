import type { TargetTable } from "../../model/table.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import type { Statement } from "./statement.ts";
import { statement } from "./statement.ts";

/**
 * The statements of one target table, each compiled once. Rows travel as one array per column, so that one plan serves
 * every number of rows and the limit of 65,535 parameters is never met. Casts name the column's full type, because a
 * bare `numeric` means `numeric(18,6)` on DSQL.
 */
export class TableStatements {
  readonly #table: TargetTable;
  readonly #name: string;
  readonly #compiled = new Map<string, Statement>();

  constructor(table: TargetTable) {
    this.#table = table;
    this.#name = quoteTable(table);
  }

  /** Parameters: one array per column. The key decides whether a row is new. */
  get upsert(): Statement {
    return this.#once("upsert", () => `${this.#insertText()} ${this.#onConflict()}`);
  }

  /** Parameters: one array per column. */
  get insert(): Statement {
    return this.#once("insert", () => this.#insertText());
  }

  /** As {@link upsert} and {@link insert}, for servers that refuse unnest: `count` rows, one parameter per value. */
  values(count: number, onConflict: boolean): Statement {
    return this.#once(`values ${count} ${onConflict}`, () => this.#valuesText(count, onConflict));
  }

  /** Parameters: one array per key column. */
  get deleteByKey(): Statement {
    return this.#once("delete", () => this.#deleteText());
  }

  /** Parameters: an array per key column, then one per column of `columns`. Answers the ordinals of the rows it found. */
  update(columns: readonly number[]): Statement {
    return this.#once(`update ${columns.join(",")}`, () => this.#updateText(columns));
  }

  /**
   * Copies the row of an old key under a new one. Parameters: the old key's columns, then the columns not in
   * `unchanged`. Answers one row where the old key exists.
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

  #all(): number[] {
    return this.#table.columns.map((_, index) => index);
  }

  #names(indexes: readonly number[]): string {
    return indexes.map((index) => this.#column(index)).join(",");
  }

  /** `unnest($1::int[],$2::text[]) AS u(c0,c1)` over the columns of `indexes`. */
  #unnest(indexes: readonly number[], ordinal = false): string {
    const arrays = indexes.map((index, i) => `$${i + 1}::${this.#type(index)}[]`).join(",");
    const names = indexes.map((_, i) => `c${i}`).join(",");
    return ordinal
      ? `unnest(${arrays}) WITH ORDINALITY AS u(${names},n)`
      : `unnest(${arrays}) AS u(${names})`;
  }

  #insertText(): string {
    return `INSERT INTO ${this.#name} (${this.#names(this.#all())}) SELECT * FROM ${this.#unnest(this.#all())}`;
  }

  #valuesText(count: number, onConflict: boolean): string {
    const columns = this.#all();
    const row = (n: number) =>
      columns.map((index) => `$${n * columns.length + index + 1}::${this.#type(index)}`);
    const rows = Array.from({ length: count }, (_, n) => `(${row(n).join(",")})`).join(",");
    const insert = `INSERT INTO ${this.#name} (${this.#names(columns)}) VALUES ${rows}`;
    return onConflict ? `${insert} ${this.#onConflict()}` : insert;
  }

  #onConflict(): string {
    const { key } = this.#table;
    const others = this.#all().filter((index) => !key.includes(index));
    const target = `ON CONFLICT (${this.#names(key)})`;
    if (others.length === 0) return `${target} DO NOTHING`;
    const sets = others.map((index) => `${this.#column(index)}=EXCLUDED.${this.#column(index)}`);
    return `${target} DO UPDATE SET ${sets.join(",")}`;
  }

  #keyJoin(): string {
    return this.#table.key.map((index, i) => `t.${this.#column(index)}=u.c${i}`).join(" AND ");
  }

  #deleteText(): string {
    const { key } = this.#table;
    const [only] = key;
    if (key.length === 1 && only !== undefined) {
      return `DELETE FROM ${this.#name} WHERE ${this.#column(only)}=ANY($1::${this.#type(only)}[])`;
    }
    return `DELETE FROM ${this.#name} AS t USING ${this.#unnest(key)} WHERE ${this.#keyJoin()}`;
  }

  #updateText(columns: readonly number[]): string {
    const { key } = this.#table;
    const sets = columns.map((index, i) => `${this.#column(index)}=u.c${key.length + i}`).join(",");
    const from = this.#unnest([...key, ...columns], true);
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
    const one = `SELECT ${this.#names(key)} FROM ${this.#name}${equal === "" ? "" : ` WHERE ${equal}`} LIMIT 1`;
    return `DELETE FROM ${this.#name} WHERE (${this.#names(key)})=(${one})`;
  }

  /** json has no equality of its own; its text is what the source compares too. */
  #sameValue(index: number, parameter: number): string {
    if (this.#type(index) === "json")
      return `${this.#column(index)}::text IS NOT DISTINCT FROM $${parameter}::text`;
    return `${this.#column(index)} IS NOT DISTINCT FROM $${parameter}::${this.#type(index)}`;
  }

  #deleteSomeText(): string {
    const key = this.#names(this.#table.key);
    const some = `SELECT ${key} FROM ${this.#name} ORDER BY ${key} LIMIT $1::bigint`;
    return `DELETE FROM ${this.#name} WHERE (${key}) IN (${some})`;
  }
}
