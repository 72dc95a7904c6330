import { tableId, type Column, type TableId, type TableShape } from "../../model/table.ts";
import type { ColumnSpec } from "./ddl-statement.ts";
import { typeText } from "./ddl-types.ts";
import type { LogGroup } from "./position.ts";
import { logicalType, parseColumnType, type TypeOptions } from "./types.ts";

/**
 * A table's shape with what the shapes that DDL makes of it depend on. The key is the primary key, as PostgreSQL's:
 * a unique key is none, although the server itself would take one of NOT NULL columns, because it comes and goes with
 * any index and rows may be told by it only for as long as it is there.
 */
export interface MysqlShape extends TableShape {
  readonly facts: MysqlFacts;
}

/** From which event of the log on rows of a table have a shape. */
export type Since = Pick<LogGroup, "file" | "at" | "era" | "n"> & {
  /** 0: from the group's begin on. */
  readonly event: number;
};

/** What is kept with a shape (`TableShape.facts`). */
export type MysqlFacts = {
  /** The table's default charset; null where it is not known, or where more than columns and charset matter. */
  readonly charset: string | null;
  /** The column that numbers itself; null where none does. */
  readonly autoIncrement: string | null;
  /**
   * The ordinal that the next new column gets. The server has none that live as long as a column: these are ours, counted
   * from the catalogue's order on, and never given again.
   */
  readonly nextOrdinal: number;
  /** Absent in what comes from the catalogue: nobody has told since when it holds. */
  readonly since?: Since;
};

/** Columns that have no ordinal yet get the next ones. */
export function numbered(
  columns: readonly Column[],
  nextOrdinal: number,
): { readonly columns: readonly Column[]; readonly nextOrdinal: number } {
  let next = nextOrdinal;
  const all = columns.map((column) => {
    if (column.ordinal !== null) return column;
    next += 1;
    return { ...column, ordinal: next - 1 };
  });
  return { columns: all, nextOrdinal: next };
}

/** Case does not part columns' names. */
export function isSameColumn(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** What parts one table of a name from another in state and messages. */
export function named(
  schema: string,
  name: string,
): Pick<TableShape, "id" | "schema" | "name" | "identity"> {
  const id: TableId = tableId(schema, name);
  return { id, schema, name, identity: id };
}

/** What makes columns of what statements and the catalogue say. */
export interface ColumnContext {
  readonly types: TypeOptions;
  /** False: a TIMESTAMP is NOT NULL unless it says NULL. */
  readonly explicitTimestamps: boolean;
}

/** null where the server's type is not known to us. */
export function makeColumn(
  facts: Pick<Column, "name" | "sourceType" | "nullable"> & { readonly generated: boolean },
  types: TypeOptions,
): Column | null {
  const type = parseColumnType(facts.sourceType);
  if (type === null) return null;
  const { name, sourceType, nullable, generated } = facts;
  const column = { name, type: logicalType(type, types), sourceType, nullable, ordinal: null };
  return generated ? { ...column, generated } : column;
}

/** The column that a definition makes in a table of this default charset; null where that cannot be said. */
export function columnOfSpec(
  spec: ColumnSpec,
  charset: string | null,
  { types, explicitTimestamps }: ColumnContext,
): Column | null {
  const sourceType = typeText(spec.type, charset);
  if (sourceType === null) return null;
  const isTimestamp = spec.type.base === "timestamp";
  const byDefault = explicitTimestamps || !isTimestamp || spec.generated;
  const nullable = (spec.nullable ?? byDefault) && !spec.primary && !spec.autoIncrement;
  return makeColumn({ name: spec.name, sourceType, nullable, generated: spec.generated }, types);
}
