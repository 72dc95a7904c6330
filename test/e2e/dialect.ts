/** What a kind of source writes otherwise than others, where the suite writes SQL. */
export interface Dialect {
  quote(name: string): string;
  /** A derived table `numbers` with a column `n` from one number to another. */
  numbers(from: number, to: number): string;
  /** An index on `n`, by which writers find rows. */
  index(table: string): string;
  /** Ends an INSERT … SELECT that leaves rows alone whose key is there already. */
  leaveTaken(table: string): string;
  /** Sets columns of the rows of one `n` to what they would be for `other`. */
  update(table: string, columns: readonly Written[], n: number, other: number): string;
  /** A schema change ends the transaction before it, and is none of the one behind. */
  readonly ddlCommits: boolean;
  /** Two columns exchange their names. */
  exchange(table: string, one: string, other: string): string;
  /** The clause of ALTER TABLE that gives a column another type. */
  retype(column: string, type: string): string;
}

/** A column and the SQL over `n` that makes its value. */
export type Written = readonly [column: string, value: string];

/** The derived table in which values of several columns are made for one number. */
export function madeFor(dialect: Dialect, columns: readonly Written[], n: number): string {
  const values = columns.map(([name, value]) => `${value} AS ${dialect.quote(name)}`);
  return `(SELECT ${values.join(", ")} FROM ${dialect.numbers(n, n)}) AS made`;
}
