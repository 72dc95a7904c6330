/**
 * Values that PostgreSQL draws: identities, random(), clock_timestamp(). A repetition draws others. That does no harm as long
 * as nobody can know the first ones; who has read them, or has written since, may rely on them.
 */
import type { Statement } from "../gate/statement.ts";
import type { TableFacts } from "../sizes/table-facts.ts";

/** Whether a statement may write other values to a table when it is run again. */
export function drawsValues(statement: Statement, facts: TableFacts): boolean {
  const { draws, inserts, namedColumns, setsDefaults, writesRows, copyIn } = statement;
  if (draws) return true;
  if (!writesRows) return false;
  // What a view's table draws is not known here.
  if (!facts.isTable) return inserts;
  if (facts.drawnColumns.length === 0) return false;
  if (setsDefaults) return true;
  // A COPY that names no columns brings all of them.
  if (copyIn !== undefined && namedColumns === undefined) return false;
  return inserts && facts.drawnColumns.some((column) => !(namedColumns ?? []).includes(column));
}
