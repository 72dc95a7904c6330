import type { Column, TableId, TableShape } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { Row, Value } from "../../model/value.ts";

/** A row as the model source stores it: values by the column's ordinal, so that ALTERs need not touch it. */
export type Cells = ReadonlyMap<number, Value>;

/** A table at one moment. Immutable, so that a snapshot is a reference. */
export interface StoredTable {
  readonly shape: TableShape;
  /** By key text; rows without key by a number of their own. */
  readonly rows: ReadonlyMap<string, Cells>;
  /** Another one for each table that had this name. */
  readonly life: number;
  /** How often it was rewritten (TRUNCATE, converting ALTER): an older snapshot cannot read it any more. */
  readonly rewrites: number;
  /** Partitions, where the table has any: they come and go without row events. */
  readonly parts: readonly Part[];
}

/** A partition. One that is taken off and put back is another one. */
export interface Part {
  readonly id: string;
  /** It had rows when it came. */
  readonly brought: boolean;
}

/** What a source transaction does, in order. */
export type SourceOp =
  | {
      readonly kind: "put";
      readonly table: TableId;
      readonly key: string;
      readonly cells: Cells;
      readonly unsure?: true;
    }
  | {
      readonly kind: "update";
      readonly table: TableId;
      readonly key: string;
      readonly toKey: string;
      readonly cells: Cells;
      /** Columns that the log leaves out: large and not touched. */
      readonly untouched: ReadonlySet<number>;
      /** The log leaves the large column out though it may have changed. */
      readonly unsure?: true;
    }
  | { readonly kind: "delete"; readonly table: TableId; readonly key: string }
  | { readonly kind: "truncate"; readonly table: TableId }
  | {
      readonly kind: "reshape";
      readonly table: TableId;
      readonly shape: TableShape;
      /** Columns whose values changed without row events, with their new values. */
      readonly filled: ReadonlyMap<number, Value>;
    }
  | { readonly kind: "drop"; readonly table: TableId }
  | { readonly kind: "make"; readonly table: TableId; readonly made: StoredTable }
  /** ATTACH PARTITION, with the rows that it has. */
  | {
      readonly kind: "attach";
      readonly table: TableId;
      readonly part: Part;
      readonly rows: ReadonlyMap<string, Cells>;
    }
  /** DETACH PARTITION, and the rows that go with it. */
  | {
      readonly kind: "detach";
      readonly table: TableId;
      readonly part: string;
      readonly keys: readonly string[];
    };

export const TEXT = { kind: "text", maxChars: null } as const;
/** Of which one value may have several texts: `k1` and `k1.0` are one key. */
const SPELLED = { kind: "decimal", precision: null, scale: null } as const;

/** A column of the model's tables. */
export function column(name: string, ordinal: number, sourceType = "text"): Column {
  return { name, type: TEXT, sourceType, nullable: ordinal !== KEY_ORDINAL, ordinal };
}

export const KEY_ORDINAL = 1;
export const VALUE_ORDINAL = 2;
/** Large: an update that does not touch it leaves it out of the log. */
export const LARGE_ORDINAL = 3;

/** The shape that every table of the model begins with. */
export function firstShape(
  name: string,
  {
    keyed,
    spelled,
    identity,
    own = [],
  }: { keyed: boolean; spelled: boolean; identity: string; own?: readonly Column[] },
): TableShape {
  const key = column("id", KEY_ORDINAL);
  return {
    id: tableId("shop", name),
    schema: "shop",
    name,
    identity,
    columns: [
      spelled ? { ...key, type: SPELLED } : key,
      column("v", VALUE_ORDINAL),
      column("big", LARGE_ORDINAL),
      ...own,
    ],
    key: keyed ? [0] : [],
  };
}

/** Stored cells as a row of a shape. */
export function rowOf(shape: TableShape, cells: Cells): Row {
  return shape.columns.map((c) => cells.get(c.ordinal ?? -1) ?? null);
}

/** What becomes of tables by an operation; what touches a table that is not there changes nothing. */
export function applyTo(tables: Map<TableId, StoredTable>, op: SourceOp): void {
  const table = tables.get(op.table);
  if (op.kind === "drop") tables.delete(op.table);
  else if (op.kind === "make") tables.set(op.table, op.made);
  else if (table !== undefined) tables.set(op.table, applyOp(table, op));
}

/** What a table is after an operation on it. */
function applyOp(table: StoredTable, op: SourceOp): StoredTable {
  const rows = new Map(table.rows);
  switch (op.kind) {
    case "drop":
    case "make":
      return table;
    case "attach":
      for (const [key, cells] of op.rows) rows.set(key, cells);
      return { ...table, rows, parts: [...table.parts, op.part] };
    case "detach":
      for (const key of op.keys) rows.delete(key);
      return { ...table, rows, parts: table.parts.filter(({ id }) => id !== op.part) };
    case "put":
      return { ...table, rows: rows.set(op.key, op.cells) };
    case "update":
      rows.delete(op.key);
      return { ...table, rows: rows.set(op.toKey, op.cells) };
    case "delete":
      rows.delete(op.key);
      return { ...table, rows };
    case "truncate":
      return { ...table, rows: new Map(), rewrites: table.rewrites + 1 };
    case "reshape":
      return reshaped(table, op);
  }
}

function reshaped(table: StoredTable, op: Extract<SourceOp, { kind: "reshape" }>): StoredTable {
  const there = new Set(op.shape.columns.map((c) => c.ordinal));
  const rows = new Map<string, Cells>();
  for (const [key, cells] of table.rows) {
    const kept = [...cells].filter(([ordinal]) => there.has(ordinal));
    rows.set(key, new Map([...kept, ...op.filled]));
  }
  const rewrites = table.rewrites + (op.filled.size > 0 ? 1 : 0);
  return { ...table, shape: op.shape, rows, rewrites };
}
