import { MillraceError } from "../../errors/millrace-error.ts";
import { isRespellable } from "../../model/key-text.ts";
import type { Column, TableShape, TargetColumn, TargetTable } from "../../model/table.ts";
import { tableId } from "../../model/table.ts";
import type { MappingOptions, SchemaMapper } from "./type-mapping.ts";
import { ownMapper } from "./type-mapping.ts";

/** The first column of a table without key, its key there; the value comes from the position. */
export const KEYLESS_COLUMN = "_millrace_key";

/**
 * The target table of a source table. Pure.
 * @throws MillraceError MR_SINK_REFUSED naming everything about the table that this kind of server cannot hold.
 */
export function mapTargetTable(
  shape: TableShape,
  target: { readonly schema: string; readonly name: string },
  options: MappingOptions,
  mapper: SchemaMapper = ownMapper,
): TargetTable {
  const columns = shape.columns.map((column, index) =>
    mapper.mapColumn(column, shape.key.includes(index), options),
  );
  const keyless = shape.key.length === 0;
  const problems = tableProblems(shape, columns, options);
  const id = tableId(target.schema, target.name);
  if (problems.length > 0)
    throw new MillraceError("MR_SINK_REFUSED", `${shape.id} to ${id}: ${problems.join("; ")}`, {
      remedy: remedyOf(shape, columns, options),
    });
  return {
    id,
    schema: target.schema,
    name: target.name,
    columns: keyless ? [keylessColumn(), ...columns] : columns,
    key: keyless ? [0] : shape.key,
    keyless,
  };
}

/** What to do about the first thing that is in the way. */
function remedyOf(
  shape: TableShape,
  columns: readonly TargetColumn[],
  { profile }: MappingOptions,
): string {
  const names = shape.key.filter(
    (index) =>
      keyProblem(shape.columns[index], columns[index], profile.unindexableTypes).length > 0,
  );
  const [first] = names.map((index) => shape.columns[index]?.name);
  const leave = `leave ${shape.id} out of what is read (tables.exclude; of DynamoDB the whitelist or the tags)`;
  if (first !== undefined)
    return `Give the table a primary key without ${first} (at PostgreSQL a unique index as its replica identity does, too), or ${leave}.`;
  if (columns.some(({ name }) => name === KEYLESS_COLUMN))
    return `Rename that column at the source, leave it out with exclude-columns, or ${leave}; Millrace writes ${KEYLESS_COLUMN} itself.`;
  return `Leave columns out with exclude-columns, or ${leave}.`;
}

function keylessColumn(): TargetColumn {
  return {
    name: KEYLESS_COLUMN,
    type: "text",
    logical: { kind: "text", maxChars: null },
    nullable: false,
  };
}

function tableProblems(
  shape: TableShape,
  columns: readonly TargetColumn[],
  { profile }: MappingOptions,
): string[] {
  const problems = shape.key.flatMap((index) =>
    keyProblem(shape.columns[index], columns[index], profile.unindexableTypes),
  );
  if (shape.key.length > profile.maxKeyColumns) {
    problems.push(`a key of ${shape.key.length} columns; the sink takes ${profile.maxKeyColumns}`);
  }
  const width = columns.length + (shape.key.length === 0 ? 1 : 0);
  if (width > profile.maxColumns)
    problems.push(`${width} columns; the sink takes ${profile.maxColumns}`);
  if (columns.some((column) => column.name === KEYLESS_COLUMN))
    problems.push(`a column named ${KEYLESS_COLUMN}`);
  return problems;
}

const KEEPS_SPELLING = new Set([
  "text",
  "varchar",
  "character varying",
  "bpchar",
  "char",
  "character",
  "bytea",
]);

function keyProblem(
  source: Column | undefined,
  column: TargetColumn | undefined,
  refused: ReadonlySet<string>,
): string[] {
  const base = column?.type.replace(/\(.*\)/, "") ?? "";
  if (source === undefined) return [];
  // Two rows at the target for one at the source: lanes, windows and letters take both spellings for one key.
  if (isRespellable(source.type) && KEEPS_SPELLING.has(base))
    return [
      `key column ${source.name} is ${source.sourceType}, whose equal values have several texts; ${base} would tell them apart`,
    ];
  if (!refused.has(base)) return [];
  return [`key column ${source.name} is ${source.sourceType}; the sink takes no ${base} in a key`];
}
