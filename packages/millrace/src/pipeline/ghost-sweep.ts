import { Change } from "../model/change.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Position } from "../model/position.ts";
import type { Sink } from "../model/sink.ts";
import type { SourceSnapshot } from "../model/source.ts";
import type { TableId, TableShape } from "../model/table.ts";
import type { Row } from "../model/value.ts";
import { openView, type ChunkParts } from "./chunk-reader.ts";
import { RowItem } from "./lane-item.ts";
import type { CompiledRoute } from "./routes.ts";
import { joined } from "./standing.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";
import type { Window } from "./windows.ts";

const PAGE_ROWS = 1_000;

interface Page {
  /** After which key the next page begins; null where there is none. */
  readonly last: Row | null;
  readonly again: boolean;
  /** Null where nothing was looked up. */
  readonly end: Position | null;
}

/** A page of the sink's keys, and what the source says of them. */
interface Look {
  readonly keys: readonly Row[];
  readonly sourceKeys: readonly Row[];
  readonly there: ReadonlyMap<string, Row>;
  readonly window: Window;
}

/**
 * Deletes rows at the sink that a newer INIT_SYNC did not see and no later change wrote (design/001 "Ghosts"). Pages of the
 * sink's keys are looked up at the source inside a window, so no order of keys has to be shared by source and sink:
 * a key that the snapshot does not have, and that was not struck, is deleted through its lane. The snapshot sees all
 * that went to the lanes before; a row that is made later comes after the delete. What another task of the pipeline has
 * brought into the same target is no ghost: nothing is deleted there.
 */
export class GhostSweep {
  readonly #parts: ChunkParts;
  readonly #readKeys: NonNullable<Sink["readKeys"]>;
  readonly #elsewhere: () => Promise<ReadonlySet<TableId>>;

  /** `elsewhere` are targets that other tasks of the pipeline write too. */
  constructor(
    parts: ChunkParts,
    readKeys: NonNullable<Sink["readKeys"]>,
    elsewhere: () => Promise<ReadonlySet<TableId>>,
  ) {
    this.#parts = parts;
    this.#readKeys = readKeys;
    this.#elsewhere = elsewhere;
  }

  /** Resolves with the log end of the last look at the source, once all deletes are in the lanes and durable. */
  async sweep(table: TableRuntime, signal: AbortSignal): Promise<Position | null> {
    let end: Position | null = null;
    for (const route of table.routesFor(table.shape)) {
      for (let after: Row | null = null; ;) {
        const page: Page = await this.#page(table, route, after, signal);
        if (page.end !== null) end = joined(this.#parts.source, end, page.end);
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
    const { keys, done } = await this.#parts.load.turns.during(signal, () =>
      this.#readKeys(route.target, after, PAGE_ROWS),
    );
    // Behind the look at the keys: a task says that it has a target before it writes the first row.
    if ((await this.#elsewhere()).has(route.target.id)) {
      this.#tellShared(table, route);
      return { last: null, again: false, end: null };
    }
    await this.#parts.load.rate.paid(signal);
    const view = await openView(this.#parts, table, signal);
    try {
      const sourceKeys = keys.map((key) => sourceRow(table.shape, route, key));
      const there = await this.#lookUp(table, view.snapshot, sourceKeys, signal);
      await view.snapshot.close();
      signal.throwIfAborted();
      // The window forgot which keys changed: the page is looked at once more.
      if (view.window.overflowed && keys.length > 0) {
        table.windows.close(view.window);
        await this.#parts.rest.failed(table, signal);
        return { last: after, again: true, end: view.snapshot.logEnd };
      }
      const look = { keys, sourceKeys, there, window: view.window };
      await this.#enter(table, route, look, signal);
      const last = done ? null : (keys.at(-1) ?? null);
      return { last, again: false, end: view.snapshot.logEnd };
    } finally {
      table.windows.close(view.window);
      await view.snapshot.close();
    }
  }

  /** Which of these keys the source has. */
  async #lookUp(
    { shape }: TableRuntime,
    snapshot: SourceSnapshot,
    keys: readonly Row[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Row>> {
    if (keys.length === 0) return new Map();
    const { load, maxValueBytes } = this.#parts;
    const options = { maxValueBytes, keysOnly: true };
    const there = await load.turns.during(signal, () => snapshot.readRows(shape, keys, options));
    load.rate.took(there.size, 0);
    return there;
  }

  #tellShared({ notices }: TableRuntime, { target: { id } }: CompiledRoute): void {
    notices.push(
      `Rows of ${id} that the source has no more stay: another table of this pipeline is written there too.`,
    );
  }

  /**
   * Deletes of ghosts into their lanes in one step; then waits until the lanes have made them durable. A change that
   * struck a ghost is waited for too: before it is durable the ghost stands there, and the table would be SYNC (I7).
   */
  #enter(
    table: TableRuntime,
    route: CompiledRoute,
    { keys, sourceKeys, there, window }: Look,
    signal: AbortSignal,
  ): Promise<unknown> {
    const lanes = new Set<number>();
    for (const [i, row] of keys.entries()) {
      const sourceKey = sourceKeys[i] ?? [];
      const key = this.#parts.source.keyText(table.shape, sourceKey);
      if (there.has(key)) continue;
      const index = this.#parts.choice.laneOf(route.target.id, key);
      lanes.add(index);
      if (window.has(key)) continue;
      const change = new Change("d", table.shape, sourceKey, null, null, null, null, 0);
      this.#parts.lanes[index]?.pushLoad(
        new RowItem("remove", table, route, key, row, null, change, 0),
      );
    }
    this.#parts.rest.progressed(table, window);
    const passed = [...lanes].map(
      (index) => this.#parts.lanes[index]?.loadsPassedSoFar() ?? Promise.resolve(),
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
