import type { TableId } from "../../model/table.ts";
import { type ColumnContext, type MysqlShape, named } from "./ddl-shape.ts";
import type { TableName } from "./ddl-statement.ts";

/** What a statement does, in the order in which it does it. */
export type DdlEffect =
  /**
   * A table made anew: one of this name that was known is gone (MariaDB's OR REPLACE), unless `ifNotExists`, where it
   * is nothing if the table is there already, which only the caller may know.
   */
  | { readonly kind: "created"; readonly shape: MysqlShape; readonly ifNotExists: boolean }
  | {
      readonly kind: "altered";
      readonly id: TableId;
      readonly shape: MysqlShape;
      /** Columns by their names of before and after; two may swap. */
      readonly renames: readonly { readonly from: string; readonly to: string }[];
      /** Columns, by their new names, of which existing rows may have other values that no row event tells. */
      readonly rewritten: readonly string[];
    }
  /** `shape` under its new name; null where the table was not known. */
  | {
      readonly kind: "renamed";
      readonly from: TableId;
      readonly to: TableId;
      readonly shape: MysqlShape | null;
    }
  | { readonly kind: "dropped"; readonly id: TableId }
  | { readonly kind: "truncated"; readonly id: TableId }
  /** Rows came or went that no row event tells of: the table is loaded again. */
  | { readonly kind: "moved"; readonly id: TableId }
  | { readonly kind: "databaseCharset"; readonly database: string; readonly charset: string }
  | { readonly kind: "databaseDropped"; readonly database: string }
  /** These tables are, or may be, other ones than were known; their shapes are the catalogue's. */
  | { readonly kind: "unknown"; readonly tables: readonly TableId[] };

/** What is known of tables before the statement. */
export interface DdlTables {
  table(id: TableId): MysqlShape | undefined;
  /** A database's default charset; null where it is not known. */
  databaseCharset(database: string): string | null;
}

/** What a statement's effect depends on beside its text. */
export interface DdlSession extends ColumnContext {
  /** '' where it had none. */
  readonly database: string;
  /** The charset of `collation_server`, which new databases take. */
  readonly serverCharset: string | null;
  /** `@@sql_mode`, as bits. */
  readonly sqlMode: number;
  /** `lower_case_table_names` is 1: names of databases and tables are kept in lower case. */
  readonly lowerCaseNames: boolean;
}

/** A statement's view of tables: those that its earlier parts have changed first. */
export interface DdlView {
  readonly session: DdlSession;
  nameOf(table: TableName): { readonly database: string; readonly name: string };
  idOf(table: TableName): TableId;
  table(id: TableId): MysqlShape | undefined;
  databaseCharset(database: string): string | null;
}

/** A table under another name, which may be in another database. */
export function renamed(
  shape: MysqlShape | undefined,
  from: TableId,
  { database, name }: { readonly database: string; readonly name: string },
): Extract<DdlEffect, { kind: "renamed" }> {
  const to = named(database, name);
  return {
    kind: "renamed",
    from,
    to: to.id,
    shape: shape === undefined ? null : { ...shape, ...to },
  };
}
