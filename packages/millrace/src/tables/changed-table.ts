import { MillraceError } from "../errors/millrace-error.ts";
import type { TableShape } from "../model/table.ts";

/** The column that is no longer what the shape says, and how. */
export interface ColumnChange {
  readonly column: string;
  readonly how: string;
}

/** The table is not what its shape says, or was not when the snapshot was taken. */
export function tableChanged(
  shape: TableShape,
  why: string,
  facts: Record<string, string | boolean> = {},
): MillraceError {
  return new MillraceError("MR_SOURCE_TABLE_CHANGED", `${shape.id}: ${why}`, {
    facts: { table: shape.id, dropped: false, ...facts },
  });
}

/** The table, or a column of its key, no longer exists: nothing can be found by its old keys any more. */
export function tableGone(shape: TableShape, why: string): MillraceError {
  return tableChanged(shape, why, { dropped: true });
}

/**
 * Null where the table, or its key, is gone. Who asks for the rows of a dropped table must be told that there are none, or
 * would ask for ever.
 */
export async function planIfThere<Plan>(plan: Promise<Plan>): Promise<Plan | null> {
  try {
    return await plan;
  } catch (error) {
    if (error instanceof MillraceError && error.facts["dropped"] === true) return null;
    throw error;
  }
}

/**
 * A chunk must not be read in another shape than the one it was planned in: the log brings the change soon, and the
 * table is loaded again. @throws MillraceError MR_SOURCE_TABLE_CHANGED
 */
export function checkUnchanged<Plan extends { readonly changed: ColumnChange | null }>(
  shape: TableShape,
  plan: Plan,
): Plan {
  if (plan.changed === null) return plan;
  const { column, how } = plan.changed;
  throw tableChanged(shape, `column ${column} ${how}`, { column });
}
