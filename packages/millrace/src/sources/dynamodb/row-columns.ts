import type { TableShape } from "../../model/table.ts";
import type { AttributePath } from "../../schema/attribute-path.ts";
import { reading, type ReadAttribute } from "./column-types.ts";
import { shapeFacts } from "./table-shape.ts";

/** A column on its way into rows. */
export interface RowColumn {
  /** In the row. */
  readonly index: number;
  readonly name: string;
  /** The type's word, for messages. */
  readonly type: string;
  readonly path: AttributePath;
  readonly read: ReadAttribute;
}

/** How items of a shape become rows, worked out once. */
export interface RowColumns {
  /** All columns but the document. */
  readonly all: readonly RowColumn[];
  /** Those whose values are whole attributes, by the attribute's name: no document has them twice. */
  readonly byName: ReadonlyMap<string, RowColumn>;
  /** Those whose values stand inside of an attribute, which stays in the document. */
  readonly nested: readonly RowColumn[];
  readonly keys: readonly RowColumn[];
  /** Index of the document in the row. */
  readonly document: number;
}

/** @throws MillraceError MR_BUG where the shape is none of this source's. */
export function rowColumns(shape: TableShape): RowColumns {
  const { columns, document } = shapeFacts(shape);
  const all = columns.map(({ name, path, type }, index) => ({
    index,
    name,
    type: type.text,
    path,
    read: reading(type),
  }));
  const byName = new Map<string, RowColumn>();
  const nested: RowColumn[] = [];
  for (const column of all) {
    const [name] = column.path;
    // An attribute may have several columns: the first one takes it out of the document.
    if (column.path.length === 1 && typeof name === "string" && !byName.has(name))
      byName.set(name, column);
    else nested.push(column);
  }
  const keys = shape.key.flatMap((index) => all[index] ?? []);
  return {
    all,
    byName,
    nested,
    keys,
    document: shape.columns.findIndex(({ name }) => name === document.column),
  };
}
