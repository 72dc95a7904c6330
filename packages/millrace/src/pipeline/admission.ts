import type { TableId } from "../model/table.ts";

/**
 * Which tables the runs of one task take. The first takes all that match; later ones these, and newcomers of which it
 * is known that nothing stands against them: a table that somebody makes at the source must not end a pipeline that
 * runs, only because it begins a run anew.
 */
export class Admission {
  #taken: Set<TableId> | null = null;

  /** Whether a run takes a table that no state knows. */
  takes(table: TableId): boolean {
    return this.#taken?.has(table) ?? true;
  }

  /** These are taken from the next run on. */
  admit(tables: Iterable<TableId>): void {
    this.#taken = new Set([...(this.#taken ?? []), ...tables]);
  }
}
