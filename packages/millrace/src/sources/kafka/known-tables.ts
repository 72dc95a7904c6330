import { MillraceError } from "../../errors/millrace-error.ts";
import type { Column, TableId, TableShape } from "../../model/table.ts";
import { fitRows, type RowFit } from "./row-fit.ts";

/** What a message's shape means for the table that it is about. */
export type Told =
  /** The log was not opened with this table. */
  | { readonly kind: "new"; readonly shape: TableShape }
  /** It has columns that the table does not have yet. */
  | { readonly kind: "grown"; readonly shape: TableShape; readonly previous: TableShape }
  | { readonly kind: "rows"; readonly fit: RowFit };

/** What keys are, where messages do not say: columns by `schema.table`. */
export type PrimaryKeys = ReadonlyMap<string, readonly string[]>;

/**
 * Tables as the pipeline has them, held against what messages say of them. A table only grows: several partitions bring it,
 * each in its own time, so none of them can tell alone that a column is gone (design/008).
 */
export class KnownTables {
  readonly #tables: Map<TableId, TableShape>;
  readonly #keys: PrimaryKeys;
  readonly #maxValueBytes: number;
  #fits = new WeakMap<TableShape, RowFit>();

  constructor(tables: ReadonlyMap<TableId, TableShape>, keys: PrimaryKeys, maxValueBytes: number) {
    this.#tables = new Map(tables);
    this.#keys = keys;
    this.#maxValueBytes = maxValueBytes;
  }

  /** Hot: per change. What `shape` of a message means; the same object is the same shape. */
  look(shape: TableShape): Told {
    const known = this.#fits.get(shape);
    if (known !== undefined) return { kind: "rows", fit: known };
    const table = this.#tables.get(shape.id);
    if (table === undefined) return { kind: "new", shape: firstShape(shape, this.#keys) };
    this.#refuseOtherKey(table, shape);
    const grown = grownShape(table, shape);
    if (grown !== null) return { kind: "grown", shape: grown, previous: table };
    const fit = fitRows(shape, table, this.#maxValueBytes);
    this.#fits.set(shape, fit);
    return { kind: "rows", fit };
  }

  /** The table has this shape from here on. */
  take(shape: TableShape): void {
    this.#tables.set(shape.id, shape);
    this.#fits = new WeakMap();
  }

  /** The table as it is known; undefined where it is not. */
  shapeOf(id: TableId): TableShape | undefined {
    return this.#tables.get(id);
  }

  /** All that are known. */
  get shapes(): readonly TableShape[] {
    return [...this.#tables.values()];
  }

  /** Rows would stand under two keys, or fall together under one. */
  #refuseOtherKey(table: TableShape, shape: TableShape): void {
    if (shape.key.length === 0 || this.#keys.has(table.id)) return;
    const [was, is] = [keyNames(table), keyNames(shape)];
    if (was.join("\u0000") === is.join("\u0000")) return;
    throw new MillraceError(
      "MR_SCHEMA_CHANGE_REFUSED",
      `the key of messages of ${table.id} was (${was.join(", ")}) and is (${is.join(", ")})`,
      {
        remedy: `Write the table's key in the source's primary-keys, such as ${table.id}:${(was.length > 0 ? was : is).join(",")}, or read the topic by a pipeline of another name.`,
      },
    );
  }
}

/** Names of a shape's key columns, in the key's order. */
export function keyNames({ columns, key }: TableShape): string[] {
  return key.map((index) => columns[index]?.name ?? "");
}

/** The shape that a table begins with: a message's, with the key that the file gives it. @throws MillraceError */
export function firstShape(shape: TableShape, keys: PrimaryKeys): TableShape {
  const names = keys.get(shape.id);
  if (names === undefined) return shape;
  const key = names.map((name) => shape.columns.findIndex((column) => column.name === name));
  const missing = names.find((_, at) => key[at] === -1);
  if (missing !== undefined)
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `primary-keys names column "${missing}" of ${shape.id}, which its messages do not have`,
      { facts: { option: "source.primary-keys" } },
    );
  return { ...shape, key };
}

/** Pure: the table with the columns that `shape` has besides; null where there are none. */
export function grownShape(table: TableShape, shape: TableShape): TableShape | null {
  const names = new Set(table.columns.map(({ name }) => name));
  const more = shape.columns.filter(({ name }) => !names.has(name));
  if (more.length === 0) return null;
  // Rows that are there already have nothing in it.
  const added = more.map((column): Column => ({ ...column, nullable: true }));
  return { ...table, columns: [...table.columns, ...added] };
}
