import type { LogicalType } from "./logical-type.ts";
import type { Json } from "./position.ts";

/** A table's full name, `schema.table`; parts that hold a dot or a quote are quoted as SQL does. */
export type TableId = string & { readonly __brand: "TableId" };

/** Joins schema and table to the one spelling that is used in state, metrics and messages. */
export function tableId(schema: string, name: string): TableId {
  return `${quotePart(schema)}.${quotePart(name)}` as TableId;
}

/** Schema and table that {@link tableId} has joined. */
export function tableParts(id: TableId): { readonly schema: string; readonly name: string } {
  const [schema = "", name = ""] = [...id.matchAll(/"((?:[^"]|"")*)"|([^".]+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "",
  );
  return { schema, name };
}

function quotePart(part: string): string {
  return /[."\s]/.test(part) || part === "" ? `"${part.replaceAll('"', '""')}"` : part;
}

/** A column as its source has it. */
export interface Column {
  readonly name: string;
  readonly type: LogicalType;
  /** What the source calls it, where the file gives it another name (DynamoDB's `columns`). */
  readonly sourceName?: string;
  /** The source's own spelling of the type, e.g. `numeric(10,2)`; for messages and for comparing shapes. */
  readonly sourceType: string;
  readonly nullable: boolean;
  /** What stays the same when the column is renamed (PostgreSQL: attnum); null where the source has no such thing. */
  readonly ordinal: number | null;
  /** The source has ordinals, and which one this column has is not proven: what the log says of it is not used. */
  readonly unproven?: boolean;
  /** Rows that were there before the column may have got a value in it (a default); told by the catalogue alone. */
  readonly filled?: boolean;
  /** The source computes it (`GENERATED ALWAYS AS … STORED`). */
  readonly generated?: boolean;
}

/**
 * The shape of a source table at one moment of its log. Immutable: a schema change makes another one, so that
 * changes hold on to the shape that they were written with.
 */
export interface TableShape {
  readonly id: TableId;
  readonly schema: string;
  readonly name: string;
  /** What stays the same when the table is renamed and differs when it is made anew (PostgreSQL: oid). */
  readonly identity: string;
  readonly columns: readonly Column[];
  /** Indexes into `columns`, in key order; empty for a table without key. */
  readonly key: readonly number[];
  /** With unproven columns: the source's look that found them so, which may prove them later. */
  readonly look?: ShapeLook;
  /** What its source needs to know of it beside, to read its log on after a restart. Opaque to everyone but the source. */
  readonly facts?: Json;
}

/** A look at the catalogue beside a log. */
export interface ShapeLook {
  /** Where the log ended behind the look; grows along the log. */
  readonly behind: number;
  /** What the columns were then, in the source's own words; any change of one is another text. */
  readonly columns: string;
}

/** A column of a target table. `type` is the sink's own SQL or format type. */
export interface TargetColumn {
  readonly name: string;
  readonly type: string;
  readonly logical: LogicalType;
  readonly nullable: boolean;
  /** @see Column.sourceName; where messages tell it. */
  readonly sourceName?: string;
  /** The source's own spelling of the type; where messages tell it, or what they tell depends on it. */
  readonly sourceType?: string;
  /** False where the source's column is NOT NULL, so that a target made elsewhere may be so too. */
  readonly sourceNullable?: boolean;
  /**
   * Says why a value does not fit the target without loss, or null where it does; absent where every value of the
   * source's type fits. A value that would be rounded is a dead letter (I1), never rounded.
   */
  readonly refuse?: (value: string) => string | null;
}

/** A table at the sink, as the sink maps it from a {@link TableShape}. Rows written to it are in this column order. */
export interface TargetTable {
  readonly id: TableId;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly TargetColumn[];
  /** Indexes into `columns`; for a table without key the one index of `_millrace_key`. */
  readonly key: readonly number[];
  /** The source table has no key: rows are found by equality, `_millrace_key` is made from the position. */
  readonly keyless: boolean;
  /** What it was mapped from, less what the file leaves out; where messages tell of the source's table. */
  readonly from?: TableShape;
}
