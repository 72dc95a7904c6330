import type { TableId } from "../model/table.ts";

/**
 * How many changes of each table were read since a pipeline was started. A run counts for itself; what earlier runs have
 * counted outlives them here, and a restart within the process.
 */
export class ChangeCounts {
  readonly #earlier = new Map<TableId, number>();

  /** Of runs that are over. */
  earlier(table: TableId): number {
    return this.#earlier.get(table) ?? 0;
  }

  /** A run is over. */
  add(tables: Iterable<{ readonly id: TableId; readonly changes: number }>): void {
    for (const { id, changes } of tables) this.#earlier.set(id, this.earlier(id) + changes);
  }
}
