import type { SinkCapabilities, StateEntry } from "../model/sink.ts";
import type { TableId } from "../model/table.ts";
import type { ChunkProgress, LoadedBatch } from "./chunk-progress.ts";
import type { RowItem } from "./lane-item.ts";
import { entry, stateKey } from "./state-documents.ts";

/**
 * Rows of loads are told once: the sink keeps every message, and its one lane makes rows and state durable together. Elsewhere
 * a row that is written again is the same row.
 */
export function tellsLoads({ maxLanes, lastWriteWins }: SinkCapabilities): boolean {
  return maxLanes === 1 && !lastWriteWins;
}

/** Rows of loads that go in one transaction, with the documents of their chunks, which say that they were told (007). */
export class ToldLoads {
  readonly #coming = new Map<ChunkProgress, Map<LoadedBatch, RowItem[]>>();

  private constructor(items: readonly RowItem[]) {
    let last: LoadedBatch | null = null;
    let beside: RowItem[] = [];
    for (const item of items) {
      if (item.load === null) continue;
      // What came together mostly stands together.
      if (item.load !== last) beside = this.#rowsOf(item.load);
      last = item.load;
      beside.push(item);
    }
  }

  /** Null where none of these is to be told once. Hot: once per row. */
  static of(items: readonly RowItem[]): ToldLoads | null {
    return items.some(({ load }) => load !== null) ? new ToldLoads(items) : null;
  }

  /** The documents as they are with these rows. Asked when nothing else can be written before them. */
  state(): StateEntry[] {
    const found = [...this.#coming]
      .filter(([progress]) => progress.isKept)
      .map(([progress, batches]) => ({ table: progress.table, ...progress.with(batches) }));
    const loaded = new Map<TableId, number>();
    for (const { table, rows } of found)
      loaded.set(table.id, (loaded.get(table.id) ?? table.document.rowsLoaded) + rows);
    return found.map(({ table, document }) =>
      entry(stateKey.chunk(table.id, document.n), { ...document, loaded: loaded.get(table.id) }),
    );
  }

  #rowsOf(batch: LoadedBatch): RowItem[] {
    const batches = this.#coming.get(batch.progress) ?? new Map<LoadedBatch, RowItem[]>();
    this.#coming.set(batch.progress, batches);
    const rows = batches.get(batch) ?? [];
    batches.set(batch, rows);
    return rows;
  }

  /** They are durable. */
  landed(): void {
    for (const [progress, batches] of this.#coming) progress.landed(batches);
  }
}
