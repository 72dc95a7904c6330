import { MillraceError } from "../../errors/millrace-error.ts";
import type { TargetChange } from "../../model/sink.ts";
import { putAwayStep } from "./alter-plan.ts";
import type { CatalogueColumn, CatalogueTable } from "./catalogue.ts";
import { classify } from "./errors.ts";
import { quoteName, quoteTable } from "./identifiers.ts";
import type { SinkConnection } from "./sink-connection.ts";
import { typeFits } from "./type-compatibility.ts";

type Alter = Extract<TargetChange, { kind: "alter" }>;

/**
 * A process that was paused within a schema change may still send the one ADD COLUMN that it had begun (design/001, "Barriers").
 * Nobody has ever written to such a column. Where it stands in a later change's way, under a name that a column gets by
 * being renamed or added, it is put away as dropped ones are; null where none does. A column that holds values is
 * somebody's, and is told.
 *
 * To be asked once nothing else is left to do for the change.
 */
export async function strayStep(
  connection: SinkConnection,
  actual: CatalogueTable,
  change: Alter,
): Promise<string | null> {
  const { table, renames } = change;
  const isUsed = (name: string) => holdsValues(connection, change, name);
  const columns = new Map(actual.columns.map((column) => [column.name, column]));
  const isWanted = (name: string): boolean => table.columns.some((column) => column.name === name);
  for (const { from, to } of renames) {
    if (!columns.has(from) || !columns.has(to) || isWanted(from)) continue;
    const step = putAwayStep(actual, change, to);
    if (step !== null && !(await isUsed(to))) return step;
    // Where it was renamed by an earlier attempt, it is the old name that somebody added.
    if (await isUsed(from)) throw inTheWay(change, from, to);
  }
  for (const wanted of table.columns) {
    const found = columns.get(wanted.name);
    if (found === undefined || !isPlain(found) || typeFits(found.type, wanted.type)) continue;
    const step = putAwayStep(actual, change, wanted.name);
    if (step !== null && !(await isUsed(wanted.name))) return step;
  }
  return null;
}

/** As we add columns. */
function isPlain({ notNull, filled, generated }: CatalogueColumn): boolean {
  return !notNull && !filled && !generated;
}

async function holdsValues(
  connection: SinkConnection,
  { table }: Alter,
  name: string,
): Promise<boolean> {
  const text = `SELECT 1 FROM ${quoteTable(table)} WHERE ${quoteName(name)} IS NOT NULL LIMIT 1`;
  try {
    return (await connection.query(text)).length > 0;
  } catch (error) {
    throw classify(error, { doing: `looking for values in a column of ${table.id}` });
  }
}

function inTheWay({ table }: Alter, from: string, to: string): MillraceError {
  return new MillraceError(
    "MR_SINK_SCHEMA",
    `${table.id}: column ${to} has values that nobody wrote for the source, and ${from} is called so now`,
  );
}
