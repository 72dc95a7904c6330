import { toMillraceError } from "../errors/to-millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Position } from "../model/position.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { HeldTables, isHeldUp } from "./held-tables.ts";
import type { GoneRows } from "./generations.ts";
import type { GhostSweep } from "./ghost-sweep.ts";
import type { TaskObserver } from "./observer.ts";
import { joined } from "./standing.ts";
import { stateKey, type ChunkDocument } from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";
import type { Waits } from "./waits.ts";

interface LoaderParts extends ChunkParts {
  readonly tables: ReadonlyMap<string, TableRuntime>;
  readonly workers: number;
  readonly chunkRows: number;
  /** For what no lane waits for; see {@link StateWriter.writeWithRows}. */
  readonly writeBeside: (documents: readonly LiveDocument[]) => Promise<void>;
  readonly sweep: GhostSweep | null;
  readonly goneRows: (table: TableRuntime) => GoneRows;
  /** Tells readers of a sink of topics that the table is empty, in the transaction that has its document as it is now. */
  readonly tellEmpty: (table: TableRuntime) => Promise<void>;
  /** Another table's rows have to be there first. */
  readonly mustWait: (table: TableRuntime) => boolean;
  readonly observer: TaskObserver;
  readonly waits: Waits;
  readonly signal: AbortSignal;
  /** A table has nothing left to load; the frontier decides when it is SYNC. */
  readonly onLoaded: (table: TableRuntime) => void;
  /** The table's shape in the catalogue is not the one that the log has told of yet. */
  readonly onShapeMoved: (table: TableRuntime) => Promise<void>;
  /** Resolves at once unless the task is paused. */
  readonly running: () => Promise<void>;
}

type Job =
  | { readonly kind: "chunk"; readonly table: TableRuntime; readonly chunk: ChunkDocument }
  | { readonly kind: "plan"; readonly table: TableRuntime }
  | { readonly kind: "empty"; readonly table: TableRuntime }
  | { readonly kind: "sweep"; readonly table: TableRuntime };

const MOVED_REST_MS = 200;

/**
 * INIT_SYNC of all tables: plans chunks, reads several at once, remembers what is done. Unfinished chunks of an earlier
 * run come first.
 */
export class Loader {
  readonly #parts: LoaderParts;
  readonly #reader: ChunkReader;
  readonly #active = new Map<TableRuntime, Set<Promise<void>>>();
  readonly #taken = new Set<string>();
  readonly #planning = new Set<TableRuntime>();
  /** Chunks whose plan is not durable yet. Where loads are told once, nobody would know of rows that were told before it is. */
  readonly #untold = new Set<string>();
  /** Tables that are not as their shape says. */
  readonly #moved = new Set<TableRuntime>();
  /** Tables that somebody at the source holds up; others are read meanwhile. */
  readonly #held: HeldTables;
  #wakers: (() => void)[] = [];

  constructor(parts: LoaderParts) {
    this.#parts = parts;
    this.#reader = new ChunkReader(parts);
    this.#held = new HeldTables(parts, () => this.wake());
  }

  /** Works until the signal aborts. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#parts.workers }, () => this.#work()));
  }

  /** There may be something to do. */
  wake(): void {
    const wakers = this.#wakers;
    this.#wakers = [];
    for (const wake of wakers) wake();
  }

  /** Ends the work on a table until {@link startTable}; what was read and is not durable is read again then. */
  async stopTable(table: TableRuntime): Promise<void> {
    table.loading.abort(new Error("the table's load was stopped"));
    await Promise.allSettled(this.#active.get(table) ?? new Set<Promise<void>>());
  }

  /** Goes on with a table, from what its document says now. */
  startTable(table: TableRuntime): void {
    if (table.loading.signal.aborted) table.loading = new AbortController();
    this.wake();
  }

  /**
   * Work on a table beside its load, whether that is over or not: who stops the load stops and awaits this too. False
   * where it was stopped, or the load stands still.
   */
  async beside(
    table: TableRuntime,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const { signal } = this.#parts;
    const stopped = table.loading.signal;
    if (stopped.aborted) return false;
    const running = work(AbortSignal.any([stopped, signal]));
    const active = this.#active.get(table) ?? new Set<Promise<void>>();
    this.#active.set(table, active.add(running));
    try {
      await running;
      return true;
    } catch (thrown) {
      if (stopped.aborted && !signal.aborted) return false;
      throw thrown;
    } finally {
      active.delete(running);
      this.wake();
    }
  }

  async #work(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      await until(signal, this.#parts.running());
      const job = this.#next();
      if (job === null) {
        await until(signal, new Promise<void>((resolve) => this.#wakers.push(resolve)));
        continue;
      }
      const work = this.#guard(job);
      const active = this.#active.get(job.table) ?? new Set<Promise<void>>();
      this.#active.set(job.table, active.add(work));
      try {
        await work;
      } finally {
        active.delete(work);
      }
    }
  }

  /** The table with the fewest chunks in work that has something to do. */
  #next(): Job | null {
    let best: { job: Job; busy: number } | null = null;
    for (const table of this.#parts.tables.values()) {
      const job = this.#jobOf(table);
      const busy = this.#active.get(table)?.size ?? 0;
      if (job !== null && (best === null || busy < best.busy)) best = { job, busy };
    }
    return best?.job ?? null;
  }

  #jobOf(table: TableRuntime): Job | null {
    const { state, planned, allPlanned, sweep } = table.document;
    if (
      state !== "INIT_SYNC" ||
      table.keyless ||
      table.held ||
      table.leftOut ||
      table.loading.signal.aborted ||
      this.#moved.has(table) ||
      this.#held.has(table) ||
      this.#parts.mustWait(table)
    )
      return null;
    const waiting = [...table.chunks.values()].filter(
      ({ n }) => !this.#taken.has(stateKey.chunk(table.id, n)),
    );
    const isFirst = planned === null && !allPlanned;
    if (isFirst && this.#planning.has(table)) return null;
    if (isFirst && sweep === "due" && this.#parts.goneRows(table) === "told")
      return { kind: "empty", table };
    const ahead = this.#parts.tellsLoads ? this.#parts.workers : 1;
    const plans = !allPlanned && !this.#planning.has(table) && waiting.length < ahead;
    if (plans) return { kind: "plan", table };
    const chunk = waiting.find(({ n }) => !this.#untold.has(stateKey.chunk(table.id, n)));
    if (chunk !== undefined) return { kind: "chunk", table, chunk };
    if (!allPlanned) return null;
    const busy = (this.#active.get(table)?.size ?? 0) > 0;
    return sweep === "due" && table.chunks.size === 0 && !busy ? { kind: "sweep", table } : null;
  }

  /** A stopped table ends quietly; a shape that moved is looked at; anything else ends the run. */
  async #guard(job: Job): Promise<void> {
    const { table } = job;
    const stopped = table.loading.signal;
    try {
      await this.#do(job, AbortSignal.any([stopped, this.#parts.signal]));
      this.#held.free(table);
    } catch (thrown) {
      if (stopped.aborted || this.#parts.signal.aborted) return;
      const error = toMillraceError(thrown, "MR_SOURCE_LOST_CONNECTION");
      this.#parts.observer.failed({ code: error.code, class: error.class });
      if (isHeldUp(error)) return this.#held.hold(table, error);
      if (error.class !== "schema") throw error;
      this.#lookAt(table);
    } finally {
      this.wake();
    }
  }

  /**
   * The table rests until it was looked at, and a while longer: looks hold the log up, and it may be the log that brings
   * the shape. Nobody waits here for the look, which itself waits for the table's jobs.
   */
  #lookAt(table: TableRuntime): void {
    if (this.#moved.has(table)) return;
    this.#moved.add(table);
    const { clock, signal, onShapeMoved } = this.#parts;
    void onShapeMoved(table)
      .then(() => clock.sleep(MOVED_REST_MS, signal))
      .catch(() => undefined) // the run has ended: the reader rejects with the reason
      .finally(() => {
        this.#moved.delete(table);
        this.wake();
      });
  }

  async #do(job: Job, signal: AbortSignal): Promise<void> {
    if (job.kind === "plan") return this.#plan(job.table);
    if (job.kind === "empty") return this.#empty(job.table);
    if (job.kind === "sweep") return this.#sweepTable(job.table, signal);
    const name = stateKey.chunk(job.table.id, job.chunk.n);
    this.#taken.add(name);
    try {
      const end = await this.#reader.read(job.table, job.chunk, signal);
      signal.throwIfAborted();
      await this.#finish(job.table, job.chunk.n, end);
    } finally {
      this.#taken.delete(name);
    }
  }

  /**
   * Rows of an older generation may be gone, and no message has said so: readers forget all of them before the first one comes
   * again. Before any snapshot of this generation: what was told of a row before that, each of them sees.
   */
  async #empty(table: TableRuntime): Promise<void> {
    this.#planning.add(table);
    try {
      table.update({ sweep: "done" });
      // Whoever stops the load waits for it: it is told before anything behind it, or the run is over.
      await this.#parts.tellEmpty(table);
      failpoint("load.emptied");
    } finally {
      this.#planning.delete(table);
      this.wake();
    }
  }

  /** The next chunk's bounds. Its document leaves with lane 0 before the chunk's end can; it is not waited for. */
  async #plan(table: TableRuntime): Promise<void> {
    this.#planning.add(table);
    try {
      const stopped = table.loading.signal;
      const range = await this.#parts.source.planChunk(
        table.shape,
        table.document.planned,
        this.#parts.load.rate.chunkRows(this.#parts.chunkRows, table.id),
      );
      if (stopped.aborted) return;
      const chunk: ChunkDocument = {
        v: 1,
        n: table.document.nextChunk,
        from: range.from,
        to: range.to,
        rows: 0,
      };
      table.chunks.set(chunk.n, chunk);
      table.update({ planned: range.to, allPlanned: range.to === null, nextChunk: chunk.n + 1 });
      this.#tellPlan(table, chunk);
      failpoint("chunk.planned");
    } finally {
      this.#planning.delete(table);
      this.wake();
    }
  }

  #tellPlan(table: TableRuntime, { n }: ChunkDocument): void {
    const { tellsLoads, writeBeside } = this.#parts;
    const documents = [table.storedChunk(n), table.stored];
    if (!tellsLoads) return this.#tell(documents);
    const name = stateKey.chunk(table.id, n);
    this.#untold.add(name);
    const durable = (): void => {
      this.#untold.delete(name);
      this.wake();
    };
    // Rejected only when the run ends: then nothing of it is read.
    writeBeside(documents).then(durable, () => undefined);
  }

  async #finish(table: TableRuntime, n: number, end: Position): Promise<void> {
    table.chunks.delete(n);
    this.#raiseEnd(table, end);
    failpoint("chunk.finished");
    const { id, document } = table;
    this.#tell([table.storedChunk(n), table.stored]);
    this.#parts.observer.event({
      type: "progress",
      table: id,
      rowsLoaded: document.rowsLoaded,
      estimatedRows: document.estimatedRows,
    });
    if (table.loaded) this.#parts.onLoaded(table);
    await Promise.resolve();
  }

  async #sweepTable(table: TableRuntime, signal: AbortSignal): Promise<void> {
    const name = `sweep/${table.id}`;
    if (this.#taken.has(name)) return;
    this.#taken.add(name);
    try {
      const sweep = this.#parts.goneRows(table) === "swept" ? this.#parts.sweep : null;
      const end = (await sweep?.sweep(table, signal)) ?? null;
      if (end !== null) this.#raiseEnd(table, end);
      table.update({ sweep: "done" });
      this.#tell([table.stored]);
      this.#parts.onLoaded(table);
    } finally {
      this.#taken.delete(name);
    }
  }

  #raiseEnd(table: TableRuntime, end: Position): void {
    const before = table.document.end;
    const both = joined(this.#parts.source, before, end);
    if (both !== before) table.update({ end: both });
  }

  #tell(documents: readonly LiveDocument[]): void {
    // Rejected only when the run ends; then the next one reads what became durable.
    this.#parts.writeBeside(documents).catch(() => undefined);
  }
}
