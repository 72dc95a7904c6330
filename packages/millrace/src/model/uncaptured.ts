import type { RefusedTable } from "./source.ts";

/** The option that tables are named by. */
export const TABLES_OPTION = "source.tables";

/** What follows for a table that a pipeline which has begun has not captured until now. */
export const NEWCOMER_WAITS = "The table is not taken up; it waits, and the others go on.";

/**
 * What is told of a table that matches and cannot be captured, by a start as by a look beforehand. `wasCaptured` by this
 * pipeline until now.
 */
export function uncaptured(
  table: RefusedTable,
  wasCaptured = false,
): { readonly wrong: string; readonly remedy: string } {
  const remedy = wasCaptured ? remedyOfCaptured(table) : table.remedy;
  return {
    wrong: `matches ${table.id}, which cannot be captured: ${table.why}`,
    remedy: `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}, or leave it out with tables.exclude`,
  };
}

/** What a table takes that a pipeline has captured until now. */
export function remedyOfCaptured({ remedy, afterwards }: RefusedTable): string {
  return afterwards === undefined ? remedy : `${remedy}; ${afterwards}`;
}

/** An item of the option that no table matches. */
export interface UnmatchedPattern {
  readonly text: string;
  /** What was probably meant; null where nothing is near. */
  readonly meant: string | null;
}

/** Finds the items that none of these tables matches. */
export type Unmatched = (
  tables: readonly { readonly schema: string; readonly name: string }[],
) => readonly UnmatchedPattern[];

/** What is told where no table matches. */
export function nothingCaptured(
  database: string | null,
  user: string,
  unmatched: readonly UnmatchedPattern[] = [],
): { readonly wrong: string; readonly remedy: string } {
  const meant = unmatched.flatMap((pattern) => pattern.meant ?? []);
  return {
    wrong: `matches no table ${database === null ? "" : `of ${database} `}that ${user} can see`,
    remedy:
      meant.length === 0
        ? "Compare it with the names of the tables, and the role's rights with them"
        : `Did you mean ${meant.join(", ")}?`,
  };
}
