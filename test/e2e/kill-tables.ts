/** What a pipeline has that is killed: its tables, and the statements around which it dies. */
import { insertRange, type SampleTable } from "./sample-table.ts";
import { type SourceKind, tablesOf } from "./sources.ts";

const names = ["k_int8", "k_txt", "s_keyless", "s_truncated", "s_parts", "d_mixed"];

/** The table whose values are so large that the log may leave them out. */
const largeTables: Readonly<Record<SourceKind, string>> = {
  postgres: "s_toast",
  mysql: "s_large",
  mariadb: "s_large",
};

function smallTables(kind: SourceKind): readonly SampleTable[] {
  return tablesOf[kind]
    .filter(({ name }) => names.includes(name) || name === largeTables[kind])
    .map((table) => (table.name === "k_int8" ? { ...table, initialRows: 350 } : table));
}

/** Small, but every kind of table that has a way of its own; `k_int8` has several chunks. */
export const killTables: Readonly<Record<SourceKind, readonly SampleTable[]>> = {
  postgres: smallTables("postgres"),
  mysql: smallTables("mysql"),
  mariadb: smallTables("mariadb"),
};

/** Together more than the 8 MiB of a transaction that are held at most, each less than what a sink takes. */
const LARGE_ROWS = 24;
const LARGE_CHARS = 450_000;

/** Statements on the tables of one kind of source. */
export class KillStatements {
  readonly #kind: SourceKind;
  readonly #large: string;

  constructor(kind: SourceKind) {
    this.#kind = kind;
    this.#large = largeTables[kind];
  }

  #insert(name: string, from: number, rows: number): string {
    const table = killTables[this.#kind].find((one) => one.name === name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return insertRange(table, from, from + rows - 1);
  }

  #quote(column: string): string {
    const [table] = killTables[this.#kind];
    return table?.dialect.quote(column) ?? column;
  }

  #retype(column: string): string {
    const [table] = killTables[this.#kind];
    return `ALTER TABLE d_mixed ${table?.dialect.retype(column, "text") ?? ""}`;
  }

  /** A row of the table whose columns change: a schema change may be told with the next row only. */
  last(n: number): string {
    return this.#insert("d_mixed", n, 1);
  }

  /** Each kind of barrier, and a key change with a value that the log leaves out. */
  barriers(n: number): readonly string[] {
    return [
      // PostgreSQL leaves large values out by itself; here it may be that a row has to be read for what was left out.
      ...(this.#kind === "postgres" ? [] : ["SET SESSION binlog_row_image = 'MINIMAL'"]),
      this.#insert(this.#large, n + 1, 5),
      this.#insert("s_truncated", n + 1, 20),
      this.#insert("d_mixed", n + 1, 20),
      `UPDATE ${this.#large} SET id = id + 50 WHERE n BETWEEN ${n} AND ${n + 5}`,
      `ALTER TABLE d_mixed ADD COLUMN a${n} integer`,
      `UPDATE d_mixed SET a${n} = 1 WHERE n BETWEEN ${n} AND ${n + 20}`,
      this.#insert("d_mixed", n + 30, 5),
      "TRUNCATE TABLE s_truncated",
    ];
  }

  /** Has the column that {@link barriers} added loaded anew. */
  retypes(n: number): readonly string[] {
    return [
      this.#retype(`a${n}`),
      `UPDATE d_mixed SET a${n} = 'text' WHERE n BETWEEN ${n} AND ${n + 10}`,
    ];
  }

  /** Takes away what {@link barriers} added. */
  ends(n: number): readonly string[] {
    return [
      `DELETE FROM d_mixed WHERE n BETWEEN ${n} AND ${n + 5}`,
      `ALTER TABLE d_mixed DROP COLUMN a${n}`,
    ];
  }

  /** Of a MySQL: a transaction in doubt that is larger than what is held of one, and one by XA. Each leaves one row behind. */
  doubts(n: number): readonly string[] {
    const between = `n BETWEEN ${n} AND ${n + LARGE_ROWS - 1}`;
    const rows = [
      this.#insert(this.#large, n, LARGE_ROWS),
      `UPDATE ${this.#large} SET large = REPEAT('x', ${LARGE_CHARS}) WHERE ${between}`,
      `DELETE FROM ${this.#large} WHERE ${between} AND n > ${n}`,
    ];
    const xa = (statements: readonly string[], at: number): readonly string[] => [
      `XA START 'x${at}'`,
      ...statements,
      `XA END 'x${at}'`,
      `XA PREPARE 'x${at}'`,
      `XA COMMIT 'x${at}'`,
    ];
    const small = xa([this.#insert(this.#large, n + LARGE_ROWS, 1)], n + 1);
    // MySQL knows of all others from their begin on that they count; MariaDB of one by XA that it does not.
    return [...(this.#kind === "mysql" ? xa(rows, n) : ["BEGIN", ...rows, "COMMIT"]), ...small];
  }

  /** What chance might leave out: each kind of barrier, a resync, a key change with a value that the log leaves out. */
  script(): readonly string[] {
    return [
      `UPDATE ${this.#large} SET id = id + 500000 WHERE n BETWEEN 1 AND 5`,
      "ALTER TABLE d_mixed ADD COLUMN a integer",
      "UPDATE d_mixed SET a = n % 7",
      "TRUNCATE TABLE s_truncated",
      this.#insert("s_truncated", 3_000_000, 50),
      "ALTER TABLE d_mixed ADD COLUMN b text DEFAULT ('made')",
      "UPDATE d_mixed SET b = 'changed' WHERE n % 3 = 0",
      `UPDATE ${this.#large} SET id = id + 700000, ${this.#quote("int4")} = 5 WHERE n BETWEEN 6 AND 9`,
      "ALTER TABLE d_mixed RENAME COLUMN a TO c",
      "DELETE FROM d_mixed WHERE n % 5 = 0",
      this.#retype("c"),
      "UPDATE d_mixed SET c = 'now text' WHERE n % 4 = 0",
      "DELETE FROM s_keyless WHERE n % 5 = 0",
      "ALTER TABLE d_mixed DROP COLUMN b",
      this.#insert("d_mixed", 3_000_000, 20),
      "TRUNCATE TABLE s_truncated",
    ];
  }
}
