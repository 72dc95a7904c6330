/** What the gate knows of a statement, and what sessions go by. */
import type { Asking } from "./asking.ts";
import type { CopyIn } from "./copy-in.ts";
import type { IamStatement } from "./dialect.ts";
import type { RowBound } from "./row-bound.ts";
import type { LocalColumn } from "../wire/messages.ts";

/** A table that a statement names. */
export interface RelationUse {
  /** Empty when the text does not say. */
  readonly schema: string;
  readonly name: string;
  readonly alias: string;
  /** Where the name begins in the statement's text, in bytes. */
  readonly startByte: number;
  /** Written to, or its rows locked. */
  readonly written: boolean;
  /** It is the table of a COPY, which takes no alias. */
  readonly bare: boolean;
}

/** How many bytes a statement may write beyond those that its message carries. */
export type Growth = "by-message" | "by-row" | "unknown";

/**
 * What a session does with a statement:
 * - `read`: passes it through;
 * - `write`: rows are changed or locked, it takes part in conflicts, rows are counted;
 * - `setting`: SET and the like, repeated after a park;
 * - `ddl`: changes the catalogue;
 * - `call`, `utility`: passed through outside of our transactions;
 * - `local`, `deallocate`: answered by the proxy;
 * - the rest: transaction control and DSQL's own commands.
 */
export type StatementKind =
  | "empty"
  | "begin"
  | "commit"
  | "rollback"
  | "read"
  | "write"
  | "setting"
  | "ddl"
  | "call"
  | "utility"
  | "local"
  | "deallocate"
  | "index-job"
  | "validate-job"
  | "iam";

/** An answer that the proxy makes itself. */
export interface LocalAnswer {
  readonly columns: readonly LocalColumn[];
  readonly rows: readonly (readonly string[])[];
}

/** What an EXPLAIN asks for. */
export interface Explains {
  readonly analyze: boolean;
  readonly verbose: boolean;
}

/** One statement behind the gate. */
export interface Statement {
  readonly kind: StatementKind;
  /** The text for the PostgreSQL behind, edited where DSQL differs. */
  readonly sql: string;
  /** How many characters of the client's text come before it. */
  readonly startsAt: number;
  /** The tag that the client sees instead of PostgreSQL's. */
  readonly tag: string | undefined;
  readonly relations: readonly RelationUse[];
  /** Functions that it calls, without their schemas; only of what is run. */
  readonly calls: readonly string[];
  /** Tables that these use; their places are not in this text. */
  readonly inside: readonly RelationUse[];
  /** FOR UPDATE anywhere in it: its rows count as written at COMMIT. */
  readonly locksForUpdate: boolean;
  /** It locks FOR KEY SHARE, and neither FOR UPDATE nor by writing. */
  readonly onlySharesKeys: boolean;
  /** INSERT anywhere in it. */
  readonly inserts: boolean;
  /** The columns that its INSERT names; undefined where that names none, or there are several. */
  readonly namedColumns: readonly string[] | undefined;
  /** It sets a column to its default by that word. */
  readonly setsDefaults: boolean;
  /** Run again it may write other values, whatever its tables' defaults are. */
  readonly draws: boolean;
  /** DELETE anywhere in it. */
  readonly deletes: boolean;
  /** Columns that an UPDATE or an upsert sets. */
  readonly updatedColumns: readonly string[];
  /** Columns whose new value is made of what tables hold; `*` for those of an INSERT that names none. */
  readonly grownColumns: readonly string[];
  /** INSERT or UPDATE anywhere in it. */
  readonly writesRows: boolean;
  /** How to ask for the places of the rows that it writes; undefined where that cannot be. */
  readonly asking: Asking | undefined;
  /** How many rows it can write at the most; undefined where the text does not tell. */
  readonly rowBound: RowBound | undefined;
  /** Rows are counted from PostgreSQL's own statistics: the tag tells only some. */
  readonly countByStatistics: boolean;
  readonly growth: Growth;
  /** The longest literal in the text, in bytes: values above a limit can come from nowhere else. */
  readonly longestLiteralBytes: number;
  /** What a BEGIN says of it; undefined where it leaves that to the session. */
  readonly readOnly: boolean | undefined;
  /** COPY FROM STDIN. */
  readonly copyIn: CopyIn | undefined;
  /** The number of the column that fails once there is a row; see lateral.ts. */
  readonly lateralDefect: number | undefined;
  /** EXPLAIN in the format text. */
  readonly explains: Explains | undefined;
  readonly answer: LocalAnswer | undefined;
  /** PostgreSQL gives rows to it, be they none. */
  readonly returnsRows: boolean;
  readonly iam: IamStatement | undefined;
  /** Columns that the statement drops, with their table: primary keys stay. */
  readonly dropsColumns: readonly string[];
  /** The constraints that an ALTER TABLE drops: that of the primary key stays. */
  readonly dropsConstraints: readonly string[];
  /** The roles that the statement drops. */
  readonly dropsRoles: readonly string[];
  readonly renamesRole: boolean;
  /** The index or constraint that the statement makes or validates; empty when it names none. */
  readonly objectName: string;
  readonly ifNotExists: boolean;
}

/** A statement of which nothing is known but its text. */
export function blankStatement(kind: StatementKind, sql: string): Statement {
  return {
    kind, sql, startsAt: 0, tag: undefined, relations: [], countByStatistics: false, growth: "by-message",
    longestLiteralBytes: 0, readOnly: undefined, copyIn: undefined, lateralDefect: undefined, explains: undefined, answer: undefined, returnsRows: false, iam: undefined, dropsColumns: [], dropsConstraints: [], dropsRoles: [], renamesRole: false,
    objectName: "", ifNotExists: false,
    inserts: false, namedColumns: undefined, setsDefaults: false, draws: false, locksForUpdate: false, onlySharesKeys: false, deletes: false, updatedColumns: [], grownColumns: [],
    writesRows: false, asking: undefined, rowBound: undefined, calls: [], inside: [],
  }; // prettier-ignore
}
