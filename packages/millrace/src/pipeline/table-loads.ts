import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Position } from "../model/position.ts";
import type { TableId, TableShape } from "../model/table.ts";
import { diffShapes, isSame } from "../schema/shape-diff.ts";
import type { Barriers } from "./barriers.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import { RestartNeeded } from "./committer.ts";
import { loadKeyless, type KeylessLoad } from "./keyless-loader.ts";
import { HeldTables, isHeldUp } from "./held-tables.ts";
import { JoiningTables } from "./joining-tables.ts";
import type { Loader } from "./loader.ts";
import type { LogReader } from "./log-reader.ts";
import type { TaskObserver } from "./observer.ts";
import type { Prepared } from "./prepare-run.ts";
import { hasNotBegun } from "./state-documents.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";
import type { Waits } from "./waits.ts";

/** What the loads of tables are made of. */
interface TableLoadsParts {
  readonly chunks: ChunkParts;
  readonly prepared: Prepared;
  readonly reader: LogReader;
  readonly barriers: Barriers;
  readonly observer: TaskObserver;
  readonly waits: Waits;
  readonly signal: AbortSignal;
  /** What is durable of the log. */
  readonly durable: () => Position;
  /** Rows of another table have to be there before those of this one. */
  readonly mustWait: (table: TableRuntime) => boolean;
  /** Some of those rows are put off. Asked while the lanes are drained. */
  readonly isBehindPutOff: (table: TableRuntime) => boolean;
  /** It waits for such rows, and is emptied. */
  readonly onBehindPutOff: () => void;
  /** Before its load goes on, or begins anew. */
  readonly onBegin: (table: TableRuntime) => void;
  readonly onLoaded: (table: TableRuntime) => void;
  /** Ends the run. */
  readonly fail: (error: unknown) => void;
}

/** Before a table is looked at again that was not as its shape says. */
const SHAPE_MOVED_WAIT_MS = 200;

/** Begins, ends and begins anew the INIT_SYNC of tables: at the start, after a barrier, for a resync or a pause, for another shape. */
export class TableLoads {
  readonly #parts: TableLoadsParts;
  readonly #loader: Loader;
  readonly #held: HeldTables;
  readonly #joining: JoiningTables;
  /**
   * Tables whose shape is taken before anything of them is read: of a load that has begun, the next run would not know
   * that its rows were read in an older shape.
   */
  readonly #unadopted = new Set<TableRuntime>();
  /** Tables without key whose rows point at rows that are not loaded yet. */
  readonly #children = new Set<TableRuntime>();

  constructor(loader: Loader, parts: TableLoadsParts) {
    this.#loader = loader;
    this.#parts = parts;
    this.#held = new HeldTables({ ...parts.chunks, ...parts }, (table) => this.#goOn(table));
    const { source, clock } = parts.chunks;
    this.#joining = new JoiningTables({ ...parts, source, clock }, (table) => this.begin(table));
  }

  /** The frontier has moved. */
  onFrontier(): void {
    this.#joining.onFrontier();
    this.onLoaded();
  }

  /** A table's load may be over: others have waited for it. */
  onLoaded(): void {
    const { mustWait, isBehindPutOff } = this.#parts;
    for (const table of this.#children)
      if (!mustWait(table) && !(table.behindPutOff && isBehindPutOff(table))) this.#goOn(table);
  }

  /** Every table goes on where its document says; those whose shape is the catalogue's no more are adopted first. */
  start(): void {
    const { tables, moved } = this.#parts.prepared;
    const waiting = this.#parts.prepared.waiting.flatMap((id) => tables.get(id) ?? []);
    this.#joining.hold(waiting);
    this.#joining.delay([...tables.values()].filter(({ document }) => hasNotBegun(document)));
    for (const table of moved.flatMap((id) => tables.get(id) ?? [])) this.#unadopted.add(table);
    for (const table of tables.values()) this.begin(table);
    for (const table of this.#unadopted) void this.adopt(table);
  }

  /** The table's load goes on, or begins anew, as its document says; the one way for everybody who stopped it. */
  begin(table: TableRuntime): void {
    table.behindPutOff = false;
    this.#parts.onBegin(table);
    if (this.#unadopted.has(table)) return void this.#loader.stopTable(table);
    this.#loader.startTable(table);
    if (!table.keyless || table.held || this.#held.has(table) || !mustLoad(table)) return;
    if (this.#parts.mustWait(table)) return void this.#children.add(table);
    this.#children.delete(table);
    this.#loadKeyless(table);
  }

  /**
   * A new generation of one table. `missed`: changes of it may have come that nothing of ours has seen; else all of them were
   * told, and somebody wants its rows once more.
   */
  async resync(id: TableId, why: "missed" | "wanted" = "missed"): Promise<void> {
    const table = this.#table(id);
    refusePaused(table);
    await this.#parts.reader.interrupt(async () => {
      if (table.paused !== null) return;
      await this.#standStill(table);
      await this.#generation(table, why);
    });
    refusePaused(table);
  }

  /**
   * Takes a table out of the way: what was read of it is at the sink, what comes is left out. The others and the log go
   * on, so that it cannot be brought back but by {@link resume}.
   */
  async pause(id: TableId): Promise<void> {
    const table = this.#table(id);
    await this.#parts.reader.interrupt(async () => {
      if (table.paused !== null) return;
      await this.#standStill(table);
      await this.#parts.prepared.generations.pause(table);
      failpoint("table.paused");
      this.#tell(table, "paused");
    });
  }

  /**
   * Brings a paused table back: it gets the shape that the source has now, then a new generation. Nobody knows which
   * shapes the log still brings: those count as older ones. One that is gone, as the log told while nobody listened, is
   * let go of by the next run.
   */
  async resume(id: TableId): Promise<void> {
    const table = this.#table(id);
    const work = this.#parts.reader.interrupt(async () => {
      if (table.paused === null) return;
      await this.#standStill(table);
      if (!(await this.#adoptNow(table)))
        throw new RestartNeeded(`the source has no ${id} any more`);
      table.update({ aheadOfLog: true });
      failpoint("table.adopted");
      await this.#generation(table, "missed");
      failpoint("table.resumed");
    });
    await work.catch((thrown: unknown) => {
      if (!(thrown instanceof RestartNeeded)) throw thrown;
    });
  }

  #table(id: TableId): TableRuntime {
    const table = this.#parts.prepared.tables.get(id);
    if (table !== undefined) return table;
    throw new MillraceError("MR_TABLE_UNKNOWN", `"${id}" is not a table of this pipeline`);
  }

  #tell({ id, document }: TableRuntime, reason?: string): void {
    const because = reason === undefined ? {} : { reason };
    this.#parts.observer.event({ type: "table", table: id, state: document.state, ...because });
  }

  /** Everything stands still: the table begins anew. What is still to be told of an earlier generation still is. */
  async #generation(table: TableRuntime, why: "missed" | "wanted"): Promise<void> {
    const { generations, goneRows } = this.#parts.prepared;
    const gone = goneRows(table);
    const isWhole = why === "wanted" && !table.leftOut && table.document.sweep !== "due";
    const isNone = gone === "stay" || (gone === "told" && isWhole);
    await generations.resync(table, isNone ? "none" : "due");
    this.#tell(table);
    this.begin(table);
  }

  /** A new generation of the table of this shape, where it is followed and may be loaded at all. */
  loadAgain({ id, identity }: TableShape): void {
    const table = this.#parts.prepared.tables.get(id);
    if (table === undefined || table.leftOut || table.shape.identity !== identity) return;
    if (table.document.allPlanned && table.document.snapshot === null) return;
    this.resync(id).catch(() => undefined); // the reader rejects with the same
  }

  /** Whether rows of the table that the source has no more can be found at the sink. */
  canSweep(table: TableRuntime): boolean {
    return this.#parts.prepared.goneRows(table) === "swept";
  }

  /**
   * Rows left the source without row events: those that it has no more are looked for at the sink, nothing is read
   * again. Where that cannot be, the table is loaded anew.
   */
  async sweepAgain(table: TableRuntime): Promise<void> {
    const { reader, chunks } = this.#parts;
    if (!this.canSweep(table)) return this.resync(table.id);
    await reader.interrupt(async () => {
      if (table.paused !== null) return chunks.writeState([table.storedParts]);
      await this.#standStill(table);
      const { state, end } = table.document;
      table.update({ state: "INIT_SYNC", sweep: "due", end: state === "SYNC" ? null : end });
      await chunks.writeState([table.stored, table.storedParts]);
      this.#tell(table);
      this.begin(table);
    });
  }

  /** The table gets the catalogue's shape, ahead of the log. */
  async adopt(table: TableRuntime): Promise<void> {
    const work = this.#parts.reader.interrupt(async () => {
      // A resume adopts what is there then.
      if (table.paused !== null) return;
      await this.#adoptNow(table);
      this.begin(table);
    });
    await work.catch(() => undefined); // the reader rejects with the same
  }

  /** Nothing of the table is under way: its load has stopped and what it had sent is durable. */
  async #standStill(table: TableRuntime): Promise<void> {
    await this.#loader.stopTable(table);
    await this.#parts.reader.drained();
  }

  #loadKeyless(table: TableRuntime): void {
    const { chunks, reader, prepared, signal } = this.#parts;
    // Waited for before the log is held back, which is all the time that the table is read.
    const mayLoad = until(signal, chunks.load.passed()).then(() => chunks.load.rate.paid(signal));
    const read = async (): Promise<void> => {
      if (!mustLoad(table) || this.#held.has(table)) return;
      await prepared.generations.emptyForLoad(table);
      // Behind that: its old rows could be what keeps the others from being settled.
      if (this.#parts.isBehindPutOff(table)) return this.#waitBehind(table);
      const load = await this.#readKeyless(table);
      if (load === null) return this.begin(table);
      this.#held.free(table);
      table.update({
        allPlanned: true,
        snapshot: load.snapshot,
        end: load.end,
        rowsLoaded: load.rows,
      });
      await chunks.writeState([table.stored]);
      failpoint("keyless.loaded");
      this.#parts.onLoaded(table);
    };
    const work = mayLoad.then(() => reader.interrupt(read));
    work.catch(() => undefined); // the reader rejects with the same
  }

  /** A row of its own would be refused for them, and nobody could read it again. */
  #waitBehind(table: TableRuntime): void {
    this.#children.add(table);
    table.behindPutOff = true;
    this.#parts.onBehindPutOff();
  }

  /** Null where it is put off, or not what its shape says, or no longer: it has the catalogue's shape then. */
  async #readKeyless(table: TableRuntime): Promise<KeylessLoad | null> {
    const { chunks, signal } = this.#parts;
    try {
      return await loadKeyless(chunks, table, () => this.#isCurrent(table), signal);
    } catch (thrown) {
      if (thrown instanceof MillraceError && isHeldUp(thrown)) {
        this.#held.hold(table, thrown);
        return null;
      }
      if (!(thrown instanceof MillraceError) || thrown.class !== "schema") throw thrown;
      await chunks.clock.sleep(SHAPE_MOVED_WAIT_MS, signal);
      await this.#adoptNow(table);
      return null;
    }
  }

  /** It is tried again. Who has stopped its load meanwhile begins it himself: never beside a barrier (I2). */
  #goOn(table: TableRuntime): void {
    if (!table.loading.signal.aborted) this.begin(table);
  }

  async #isCurrent(table: TableRuntime): Promise<boolean> {
    const shape = await this.#parts.prepared.currentShape(table);
    return shape !== null && isSame(diffShapes(table.shape, shape));
  }

  /** False where the source has no such table. */
  async #adoptNow(table: TableRuntime): Promise<boolean> {
    const shape = await this.#parts.prepared.currentShape(table);
    if (shape !== null) {
      await this.#standStill(table);
      await this.#parts.barriers.adopt(table, shape, this.#parts.durable());
    }
    this.#unadopted.delete(table);
    return shape !== null;
  }
}

function mustLoad(table: TableRuntime): boolean {
  const { state, allPlanned } = table.document;
  return state === "INIT_SYNC" && !allPlanned && !table.leftOut;
}

/** @throws MillraceError MR_TABLE_PAUSED */
function refusePaused({ id, paused }: TableRuntime): void {
  if (paused === null) return;
  throw new MillraceError("MR_TABLE_PAUSED", `${id} is paused; a resume loads it anew`);
}
