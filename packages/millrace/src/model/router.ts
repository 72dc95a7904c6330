import type { TableShape } from "./table.ts";
import type { Row } from "./value.ts";

/** Where rows of a source table go, and what becomes of their columns on the way. */
export interface RoutePlan {
  readonly target: { readonly schema: string; readonly name: string };
  /** The source shape less the columns that are left out, with masked or hashed columns' types. */
  readonly shape: TableShape;
  /** Makes a row of `shape` from a row of the source shape; null where both are the same, so that nothing is copied. */
  readonly project: ((row: Row) => Row) | null;
  /**
   * What `project` does, as a text without secrets that is another one where rows come out in another way: a table whose
   * text changes is loaded anew. Left out where rows are never treated in another way.
   */
  readonly rule?: string;
}

/** Routes and transforms of a pipeline, compiled. Pure. */
export interface Router {
  /** One plan per target; several with ALL_MATCH, none never (a table without a rule keeps its name). */
  plan(shape: TableShape): readonly RoutePlan[];
}
