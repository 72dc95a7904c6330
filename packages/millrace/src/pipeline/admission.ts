import type { TableId } from "../model/table.ts";

/**
 * Which tables the runs of one task take. The very first of a pipeline takes all that match; each other those that the
 * pipeline has, and newcomers of which it is known that nothing stands against them: a table that somebody makes at the
 * source must end no pipeline, neither one that begins a run anew nor one that is started again.
 */
export class Admission {
  #taken: Set<TableId> | null = null;

  /** No run has begun yet. */
  get isFresh(): boolean {
    return this.#taken === null;
  }

  /** Whether a run takes a table that no state knows. */
  takes(table: TableId): boolean {
    return this.#taken?.has(table) ?? true;
  }

  /** These are taken from the next run on. */
  admit(tables: Iterable<TableId>): void {
    this.#taken = new Set([...(this.#taken ?? []), ...tables]);
  }
}
