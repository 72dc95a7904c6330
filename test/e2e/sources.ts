/** Where the end-to-end tests copy from. */
import { mysqlFlavors, sharedMysql, type MysqlFlavor } from "../support/mysql.ts";
import { sharedPostgres } from "../support/postgres.ts";
import { mysqlTables } from "./mysql-schema.ts";
import type { Section } from "./pipeline-file.ts";
import type { SampleTable } from "./sample-table.ts";
import { sampleTables } from "./schema.ts";

/** The kinds of sources that the suite runs on. */
export type SourceKind = "postgres" | MysqlFlavor;

/** All of them. */
export const sourceKinds: readonly SourceKind[] = ["postgres", ...mysqlFlavors];

/** The kind of that name; PostgreSQL without one. */
export function sourceNamed(name = "postgres"): SourceKind {
  const from = sourceKinds.find((kind) => kind === name);
  if (from === undefined) throw new Error(`There is no such source: ${name}`);
  return from;
}

/** Every table that the suite has for a kind of source. */
export const tablesOf: Readonly<Record<SourceKind, readonly SampleTable[]>> = {
  postgres: sampleTables,
  ...mysqlTables,
};

/** A database to copy from. */
export interface TestSource {
  readonly kind: SourceKind;
  readonly url: string;
  /** No other test's has that name. */
  readonly database: string;
  /** Where its tables are, at the target too unless a route says otherwise: MySQL's schemas are its databases. */
  readonly schema: string;
  /** Runs statements in a session of its own; the rows of the last one. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  release(): Promise<void>;
}

/** Makes an empty database. */
export async function makeSource(kind: SourceKind): Promise<TestSource> {
  if (kind === "postgres") return { ...(await sharedPostgres()), kind, schema: "public" };
  const shared = await sharedMysql(kind);
  return { ...shared, kind, schema: shared.database };
}

/** The pattern of all tables of a schema, as `tables:` has it behind the database. */
export function allOf(kind: SourceKind, schema = "public"): string {
  return kind === "postgres" ? String.raw`${schema}.\.*` : String.raw`\.*`;
}

/** What has to be said of a source so that the target can hold all values of the suite. */
export const valueOptions: Readonly<Record<SourceKind, Section>> = {
  postgres: {},
  mysql: { "zero-dates": "as-null" },
  mariadb: { "zero-dates": "as-null", "time-as-interval.enabled": true },
};

/** Settings of writers' sessions: rows are logged in several forms, as applications and administrators choose. */
export const writerSettings: Readonly<Record<SourceKind, readonly (readonly string[])[]>> = {
  postgres: [[], [], []],
  mysql: [
    [],
    ["binlog_row_image = 'MINIMAL'"],
    ["binlog_row_image = 'NOBLOB'", "binlog_transaction_compression = ON"],
  ],
  mariadb: [[], ["binlog_row_image = 'MINIMAL'"], ["binlog_row_image = 'NOBLOB'"]],
};
