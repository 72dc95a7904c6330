import { Change } from "../model/change.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Position } from "../model/position.ts";
import type { Sink } from "../model/sink.ts";
import type { TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { openView, type ChunkParts } from "./chunk-reader.ts";
import { RowItem } from "./lane-item.ts";
import type { CompiledRoute } from "./routes.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";

const PAGE_ROWS = 1_000;

interface Page {
  /** After which key the next page begins; null where there is none. */
  readonly last: Row | null;
  readonly again: boolean;
  readonly end: Position;
}

/**
 * Deletes rows at the sink that a newer INIT_SYNC did not see and no later change wrote (DESIGN "Ghosts"). Pages of the
 * sink's keys are looked up at the source inside a window, so no order of keys has to be shared by source and sink:
 * a key that the snapshot does not have, and that was not struck, is deleted through its lane. The snapshot sees all
 * that went to the lanes before; a row that is made later comes after the delete.
 */
export class GhostSweep {
  readonly #parts: ChunkParts;
  readonly #readKeys: NonNullable<Sink["readKeys"]>;

  constructor(parts: ChunkParts, readKeys: NonNullable<Sink["readKeys"]>) {
    this.#parts = parts;
    this.#readKeys = readKeys;
  }

  /** Resolves with the log end of the last look at the source, once all deletes are in the lanes and durable. */
  async sweep(table: TableRuntime, signal: AbortSignal): Promise<Position | null> {
    let end: Position | null = null;
    for (const route of table.routesFor(table.shape)) {
      for (let after: Row | null = null; ;) {
        const page = await this.#page(table, route, after, signal);
        end = page.end;
        failpoint("sweep.page");
        if (page.last === null && !page.again) break;
        after = page.last;
      }
    }
    return end;
  }

  async #page(
    table: TableRuntime,
    route: CompiledRoute,
    after: Row | null,
    signal: AbortSignal,
  ): Promise<Page> {
    // Before the snapshot, which must not wait for the sink: a row that comes to the sink after this look is no ghost.
    const { keys, done } = await this.#readKeys(route.target, after, PAGE_ROWS);
    await this.#parts.load.rate.paid(signal);
    const view = await openView(this.#parts, table, signal);
    try {
      const sourceKeys = keys.map((key) => sourceRow(table.shape, route, key));
      const options = { maxValueBytes: this.#parts.maxValueBytes, keysOnly: true };
      const there =
        keys.length === 0
          ? new Map<string, Row>()
          : await view.snapshot.readRows(table.shape, sourceKeys, options);
      await view.snapshot.close();
      this.#parts.load.rate.took(there.size, 0);
      signal.throwIfAborted();
      // The window forgot which keys changed: the page is looked at once more.
      if (view.window.overflowed && keys.length > 0)
        return { last: after, again: true, end: view.snapshot.logEnd };
      await this.#enter(
        table,
        route,
        keys,
        sourceKeys,
        (key) => there.has(key) || view.window.has(key),
        signal,
      );
      const last = done ? null : (keys.at(-1) ?? null);
      return { last, again: false, end: view.snapshot.logEnd };
    } finally {
      table.windows.close(view.window);
      await view.snapshot.close();
    }
  }

  /** Deletes of ghosts into their lanes in one step; then waits until the lanes have made them durable. */
  #enter(
    table: TableRuntime,
    route: CompiledRoute,
    keys: readonly Row[],
    sourceKeys: readonly Row[],
    alive: (key: string) => boolean,
    signal: AbortSignal,
  ): Promise<unknown> {
    const lanes = new Set<number>();
    for (const [i, row] of keys.entries()) {
      const sourceKey = sourceKeys[i] ?? [];
      const key = this.#parts.source.keyText(table.shape, sourceKey);
      if (alive(key)) continue;
      const change = new Change("d", table.shape, sourceKey, null, null, null, null, 0);
      const index = this.#parts.choice.laneOf(route.target.id, key);
      this.#parts.lanes[index]?.push(
        new RowItem("remove", table, route, key, row, null, change, 0),
      );
      lanes.add(index);
    }
    const passed = [...lanes].map(
      (index) => this.#parts.lanes[index]?.passedSoFar() ?? Promise.resolve(),
    );
    return until(signal, Promise.all(passed));
  }
}

/** A target key row in the source shape's column order: target columns come from the projected shape's, in order. */
function sourceRow(shape: TableShape, route: CompiledRoute, key: Row): Row {
  return shape.columns.map((column) => {
    const index = route.columns.columns.findIndex((c) =>
      c.ordinal === null ? c.name === column.name : c.ordinal === column.ordinal,
    );
    return index === -1 ? null : (key[index] ?? null);
  });
}
