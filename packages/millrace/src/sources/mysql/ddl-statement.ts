/** A table as a statement names it. */
export interface TableName {
  /** null: the session's database. */
  readonly database: string | null;
  readonly name: string;
}

/** A type as a statement spells it, with one name per type. */
export interface TypeSpec {
  readonly base: string;
  /** What stands in parentheses: `(10,2)`, `('a','b')`; '' without. */
  readonly inside: string;
  /** ` unsigned`, ` compressed`. */
  readonly suffix: string;
  /** What the statement says; null where the table's default holds. Of no meaning for types without characters. */
  readonly charset: string | null;
  /** Of TEXT(n) and BLOB(n): the smallest type that holds so many characters is taken. */
  readonly characters: number | null;
}

/** A column as a statement defines it. */
export interface ColumnSpec {
  readonly name: string;
  readonly type: TypeSpec;
  /** null: not said. */
  readonly nullable: boolean | null;
  readonly primary: boolean;
  readonly generated: boolean;
  readonly autoIncrement: boolean;
  /** Rows get a value of it that is not NULL. */
  readonly hasDefault: boolean;
}

/** Where a column goes: at the beginning, or behind another. */
export type Place = "first" | { readonly after: string };

/** One clause of ALTER TABLE, of those that shapes or rows depend on. */
export type AlterClause =
  | {
      readonly kind: "add";
      readonly column: ColumnSpec;
      readonly place: Place | null;
      readonly ifNotExists: boolean;
    }
  | {
      readonly kind: "change";
      readonly from: string;
      readonly column: ColumnSpec;
      readonly place: Place | null;
      readonly ifExists: boolean;
    }
  | {
      readonly kind: "renameColumn";
      readonly from: string;
      readonly to: string;
      readonly ifExists: boolean;
    }
  | { readonly kind: "drop"; readonly column: string; readonly ifExists: boolean }
  | { readonly kind: "primaryKey"; readonly columns: readonly string[] }
  | { readonly kind: "dropPrimaryKey" }
  | { readonly kind: "renameTable"; readonly to: TableName }
  /** null: the database's default. */
  | { readonly kind: "convert"; readonly charset: string | null }
  | { readonly kind: "charset"; readonly charset: string | null }
  /** Rows come or go that the log does not tell; of `others` too. */
  | { readonly kind: "moveRows"; readonly others: readonly TableName[] };

/** What becomes of the default charset: null where a statement does not say, `default` for the one above. */
export type CharsetSpec = string | null;

/** A statement that shapes or rows depend on. */
export type DdlStatement =
  | {
      readonly kind: "createTable";
      readonly table: TableName;
      readonly columns: readonly ColumnSpec[];
      readonly key: readonly string[];
      readonly charset: CharsetSpec;
      readonly ifNotExists: boolean;
    }
  | {
      readonly kind: "createLike";
      readonly table: TableName;
      readonly like: TableName;
      readonly ifNotExists: boolean;
    }
  | {
      readonly kind: "alterTable";
      readonly table: TableName;
      readonly clauses: readonly AlterClause[];
    }
  | {
      readonly kind: "renameTables";
      readonly pairs: readonly { readonly from: TableName; readonly to: TableName }[];
    }
  | { readonly kind: "dropTables"; readonly tables: readonly TableName[] }
  | { readonly kind: "truncate"; readonly table: TableName }
  | {
      readonly kind: "createDatabase";
      readonly database: string;
      readonly charset: CharsetSpec;
      readonly ifNotExists: boolean;
      /** MariaDB's OR REPLACE: what was there is gone. */
      readonly replaces: boolean;
    }
  /** `database` null: the session's. */
  | {
      readonly kind: "alterDatabase";
      readonly database: string | null;
      readonly charset: CharsetSpec;
    }
  | { readonly kind: "dropDatabase"; readonly database: string }
  /** It is about these tables, and its effect on them is not understood. */
  | { readonly kind: "notUnderstood"; readonly tables: readonly TableName[] };
