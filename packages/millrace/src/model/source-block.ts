import type { Op, Transaction } from "./change.ts";
import type { Position } from "./position.ts";
import type { TableShape } from "./table.ts";

/** A value of a {@link SourceField}; an `int64` may be decimal text. */
export type OriginValue = string | number | boolean | null;

/** Where a change comes from, as far as messages tell it. */
export interface Origin {
  /** Schema and name of the source's table. */
  readonly schema: string;
  readonly table: string;
  readonly op: Op | "t";
  /** Null for rows that were loaded. */
  readonly position: Position | null;
  readonly transaction: Transaction | null;
  /** When the message is made, milliseconds since 1970: the time of what has no transaction. */
  readonly nowMs: number;
}

/** One field of a source's block. */
export interface SourceField {
  readonly name: string;
  readonly type: "string" | "int64" | "int32" | "boolean";
  readonly optional: boolean;
  /** The least that its value depends on; so what stays need not be written anew for each change. */
  readonly varies: "never" | "table" | "transaction" | "change";
  /** Of the field in its schema; absent where it has none. */
  readonly default?: string;
  /** Values that a text of it can be (Debezium's `snapshot`). */
  readonly allowed?: readonly string[];
}

/** What a sink's file says of names in messages. */
export interface OriginNames {
  /** `topic.prefix`: Debezium's name of the server. */
  readonly serverName: string;
  /** Of this program. */
  readonly version: string;
}

/** Values of `snapshot` in a block, as Debezium has them. */
export const SNAPSHOT_VALUES = [
  "true",
  "first",
  "first_in_data_collection",
  "last_in_data_collection",
  "last",
  "false",
  "incremental",
] as const;

/** The fields that every source has, in Debezium's order. */
export const COMMON_FIELDS: readonly SourceField[] = [
  { name: "version", type: "string", optional: false, varies: "never" },
  { name: "connector", type: "string", optional: false, varies: "never" },
  { name: "name", type: "string", optional: false, varies: "never" },
  { name: "ts_ms", type: "int64", optional: false, varies: "transaction" },
  {
    name: "snapshot",
    type: "string",
    optional: true,
    varies: "transaction",
    default: "false",
    allowed: SNAPSHOT_VALUES,
  },
  { name: "db", type: "string", optional: false, varies: "table" },
  { name: "sequence", type: "string", optional: true, varies: "change" },
  { name: "ts_us", type: "int64", optional: true, varies: "transaction" },
  { name: "ts_ns", type: "int64", optional: true, varies: "transaction" },
];

/** What {@link COMMON_FIELDS} hold that does not depend on the source's positions. */
export interface CommonFacts extends OriginNames {
  readonly connector: string;
}

/**
 * The value of one of {@link COMMON_FIELDS}; `db` and `sequence` are the source's own. A loaded row is one of an
 * incremental snapshot: chunks come between changes of the log.
 */
export function commonValue(name: string, facts: CommonFacts, origin: Origin): OriginValue {
  switch (name) {
    case "version":
      return facts.version;
    case "connector":
      return facts.connector;
    case "name":
      return facts.serverName;
    case "ts_ms":
      return timeMs(origin);
    case "snapshot":
      return origin.op === "r" ? "incremental" : "false";
    case "ts_us":
      return timeUs(origin);
    case "ts_ns":
      // Beyond what a number holds exactly: microseconds and their zeros.
      return `${timeUs(origin)}000`;
    default:
      return null;
  }
}

function timeMs({ transaction, nowMs }: Origin): number {
  return Math.floor(transaction?.commitTimeMs ?? nowMs);
}

/** A fraction of a millisecond is what the log has of microseconds. */
function timeUs({ transaction, nowMs }: Origin): number {
  return Math.round((transaction?.commitTimeMs ?? nowMs) * 1_000);
}

/** What messages of schema changes tell of a column beside its name and place, in the words of Debezium's connector. */
export interface ToldColumn {
  /** Of `java.sql.Types`. */
  readonly jdbcType: number;
  /** Without what stands in parentheses. */
  readonly typeName: string;
  readonly typeExpression: string;
  readonly charsetName: string | null;
  readonly length: number | null;
  readonly scale: number | null;
  /** It numbers itself. */
  readonly autoIncremented: boolean;
  /** Of an enumeration. */
  readonly enumValues: readonly string[] | null;
}

/** What messages of schema changes tell of a table. */
export interface ToldTable {
  readonly databaseName: string;
  /** Null where databases have no schemas. */
  readonly schemaName: string | null;
  readonly defaultCharsetName: string | null;
  /** By the shape's columns; null where the column has another type than at the source. */
  readonly columns: readonly (ToldColumn | null)[];
}

/**
 * What messages tell of a change's origin, in Debezium's fields for this kind of source (`source` of its envelope). Each
 * source knows how its positions become these.
 */
export interface SourceBlock {
  /** `postgresql`, `mysql`, `mariadb`: Debezium's name of the connector. */
  readonly connector: string;
  /** Full name of the block's schema, `io.debezium.connector.postgresql.Source`. */
  readonly schemaName: string;
  /** `topic.prefix` of Debezium: stands in front of names of schemas. */
  readonly serverName: string;
  readonly fields: readonly SourceField[];
  /** The value of `fields[index]`. Hot: called per change for what varies by change. */
  value(index: number, origin: Origin): OriginValue;
  /**
   * Of a text that varies by change, but within a transaction only in a whole number: what stands around that. Null, or absent:
   * it varies in another way, and {@link value} says it.
   */
  around?(index: number, origin: Origin): readonly [before: string, behind: string] | null;
  /** That number. Hot. */
  numberIn?(index: number, origin: Origin): number;
  /** What messages call a transaction. Absent: by its own id. */
  transactionId?(transaction: Transaction): string;
  /** What messages of schema changes tell of a table. Absent: what its logical types tell. */
  tableOf?(shape: TableShape): ToldTable;
}
