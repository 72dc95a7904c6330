/** Tables of the end-to-end schemas, described as data so that writers can make rows of them at any kind of source. */
import type { Dialect, Written } from "./dialect.ts";

/**
 * A column's type and an SQL expression over the whole number `n` that gives a value, so that one statement makes one
 * row or two hundred thousand, and the awkward values come up again and again.
 */
export interface SampleType {
  readonly type: string;
  /** SQL over `n` (bigint). */
  readonly value: string;
}

/** What writers may do to a table besides inserting. */
export interface Manners {
  /** Its updates and deletes have a replica identity. */
  readonly updates: boolean;
  /** Its key may change. */
  readonly keyChanges: boolean;
  readonly truncates: boolean;
  /** A session of its own changes its columns. */
  readonly ddl: boolean;
}

/** One table. Every table has a column `n`, by which writers find rows and from which all values are made. */
export interface SampleTable {
  readonly dialect: Dialect;
  /** Empty: the database of whoever writes. */
  readonly schema: string;
  readonly name: string;
  /** Column → how its value is made; `n` itself is not listed. */
  readonly columns: Readonly<Record<string, SampleType>>;
  readonly key: readonly string[];
  /** The source computes these; writers leave them out. */
  readonly generated: readonly string[];
  readonly manners: Manners;
  /** Statements that make it. */
  readonly ddl: readonly string[];
  readonly initialRows: number;
}

/** How a table differs from the usual one. */
export interface Choices {
  readonly schema?: string;
  readonly key?: readonly string[];
  /** Columns besides those of its types, and overrides of them. */
  readonly extra?: Readonly<Record<string, SampleType>>;
  readonly generated?: Readonly<Record<string, string>>;
  readonly manners?: Partial<Manners>;
  readonly after?: readonly string[];
  readonly suffix?: string;
  readonly initialRows?: number;
  /** The whole table constraint for the key, where it is not a plain primary key. */
  readonly constraint?: string;
}

/** The table's full name for SQL. */
export function fullName({
  dialect,
  schema,
  name,
}: Pick<SampleTable, "dialect" | "schema" | "name">): string {
  return schema === "" ? dialect.quote(name) : `${dialect.quote(schema)}.${dialect.quote(name)}`;
}

/** Makes a table of columns; in statements of `after`, `@` is its name. */
export function defineTable(
  dialect: Dialect,
  named: { readonly schema: string; readonly name: string },
  columns: Readonly<Record<string, SampleType>>,
  choices: Choices,
): SampleTable {
  const quote = (name: string): string => dialect.quote(name);
  const key = choices.key ?? [];
  const constraint =
    choices.constraint ?? (key.length === 0 ? "" : `PRIMARY KEY (${key.map(quote).join(", ")})`);
  const generated = choices.generated ?? {};
  const lines = [
    ...Object.entries(columns).map(([column, { type }]) => `${quote(column)} ${type}`),
    "n bigint NOT NULL",
    ...Object.entries(generated).map(([column, definition]) => `${quote(column)} ${definition}`),
    ...(constraint === "" ? [] : [constraint]),
  ];
  const full = fullName({ dialect, ...named });
  return {
    dialect,
    ...named,
    columns,
    key,
    generated: Object.keys(generated),
    manners: {
      updates: true,
      keyChanges: key.length > 0,
      truncates: false,
      ddl: false,
      ...choices.manners,
    },
    ddl: [
      `CREATE TABLE ${full} (${lines.join(", ")}) ${choices.suffix ?? ""}`,
      dialect.index(full),
      ...(choices.after ?? []).map((statement) => statement.replaceAll("@", full)),
    ],
    initialRows: choices.initialRows ?? 40,
  };
}

/** Columns that a writer gives a value, with it; `n` included. */
export function writtenColumns({ columns }: SampleTable): readonly Written[] {
  return [
    ...Object.entries(columns).map(([name, { value }]) => [name, value] as const),
    ["n", "n"] as const,
  ];
}

/** `INSERT … SELECT` of rows for every `n` of a range; a key that is there already is left alone. */
export function insertRange(target: SampleTable, from: number, to: number): string {
  const { dialect } = target;
  const written = writtenColumns(target);
  const names = written.map(([name]) => dialect.quote(name)).join(", ");
  const values = written.map(([, value]) => value).join(", ");
  const full = fullName(target);
  return `INSERT INTO ${full} (${names}) SELECT ${values} FROM ${dialect.numbers(from, to)} ${dialect.leaveTaken(full)}`;
}
