import type { DeadLetter } from "../model/dead-letter.ts";
import type { InitSync } from "../model/init-sync.ts";
import type { TableStanding } from "../model/source.ts";
import type { TableId, TableShape, TargetTable } from "../model/table.ts";
import { rewrittenAhead } from "../schema/rewritten-ahead.ts";
import { waysOf, type CompiledRoute, type RouteTarget } from "./routes.ts";
import {
  stateKey,
  type ChunkDocument,
  type PartsDocument,
  type PausedDocument,
  type StoppedDocument,
  type TableDocument,
} from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableStatus } from "./status.ts";
import { Windows } from "./windows.ts";

/** A captured table while a task runs: its document, its targets, its windows and counters. */
export class TableRuntime {
  readonly id: TableId;
  readonly windows = new Windows();
  readonly notices: string[] = [];
  /** Chunks planned and not finished. */
  readonly chunks = new Map<number, ChunkDocument>();
  changes = 0;
  /** Ends the work of its present INIT_SYNC (truncate, resync, schema change). */
  loading = new AbortController();
  /** Its first snapshot has to wait for older transactions. */
  held = false;
  /** The parts that hold its rows, as they are known. */
  parts: PartsDocument | null = null;
  /** Who has its name at the source as of the start of the run, where that is not (yet) the table of its shape. */
  awaited: string | null = null;
  /** Rows that were put off have been tried again in vain: what is refused now is parked. */
  lastRound = false;
  /** It has no key, is emptied, and is loaded when rows of its parents that are put off are settled. */
  behindPutOff = false;
  /** How often the log has emptied it (TRUNCATE), in this run. */
  truncations = 0;
  /** How often changes of the log were put off, in this run: more of them than a round began with have not been tried by it. */
  putOffs = 0;
  /** Writers that are about to put rows of it off. */
  puttingOff = 0;
  /** Put-off rows that its last round tries beside those that it gives up: by target, keys of letters. */
  #spared: ReadonlyMap<TableId, ReadonlySet<string>> = new Map();
  /** What a target is called at the sink. */
  readonly #placeOf: (target: TargetTable) => string;
  #document: TableDocument;
  #initSync: InitSync | null = null;
  #targets: readonly RouteTarget[];
  readonly #compile: (
    shape: TableShape,
    targets: readonly RouteTarget[],
    unlogged: ReadonlySet<number>,
  ) => readonly CompiledRoute[];
  /** By the shape that rows were written with; emptied when the targets change. */
  #routes = new Map<TableShape, readonly CompiledRoute[]>();

  constructor(
    document: TableDocument,
    targets: readonly RouteTarget[],
    compile: (
      shape: TableShape,
      targets: readonly RouteTarget[],
      unlogged: ReadonlySet<number>,
    ) => readonly CompiledRoute[],
    placeOf: (target: TargetTable) => string = ({ id }) => id,
  ) {
    this.#placeOf = placeOf;
    this.id = document.shape.id;
    this.#document = document;
    this.#targets = targets;
    this.#compile = compile;
  }

  get targets(): readonly RouteTarget[] {
    return this.#targets;
  }

  /** The targets have another shape now (barrier). */
  retarget(targets: readonly RouteTarget[]): void {
    this.#targets = targets;
    this.#routes.clear();
  }

  /** The ways of rows that were written in `shape`. */
  routesFor(shape: TableShape): readonly CompiledRoute[] {
    let routes = this.#routes.get(shape);
    if (routes === undefined) {
      routes = this.#compile(shape, this.#targets, this.#unlogged(shape));
      this.#routes.set(shape, routes);
    }
    return routes;
  }

  /**
   * Columns that were converted or filled without row events behind `shape`: its rows come behind the load in the
   * catalogue's shape, that was adopted ahead of the log, and would take what they hold now away.
   */
  #unlogged(shape: TableShape): ReadonlySet<number> {
    const now = this.shape;
    if (!this.#document.aheadOfLog || this.keyless || shape === now) return new Set();
    const names = new Set(rewrittenAhead(shape, now, true));
    const columns = now.columns.filter((column) => names.has(column.name));
    return new Set(columns.flatMap(({ ordinal }) => ordinal ?? []));
  }

  /** The way of rows that were written in `shape` to one target. */
  routeOf(shape: TableShape, target: TableId): CompiledRoute | null {
    return this.routesFor(shape).find((route) => route.target.id === target) ?? null;
  }

  get document(): TableDocument {
    return this.#document;
  }

  /** Hot: asked for once per change of a sink of topics. */
  get initSync(): InitSync {
    this.#initSync ??= initSyncOf(this.#document);
    return this.#initSync;
  }

  get shape(): TableShape {
    return this.#document.shape;
  }

  /** Nothing of it is applied or loaded until it is loaded anew. */
  get stopped(): StoppedDocument | null {
    return this.#document.stopped ?? null;
  }

  /** The operator took it out of the way; a resume loads it anew. */
  get paused(): PausedDocument | null {
    return this.#document.paused ?? null;
  }

  /** Its changes are left out and nothing of it is loaded: only a new generation brings it back (I1). */
  get leftOut(): boolean {
    return this.stopped !== null || this.paused !== null;
  }

  get keyless(): boolean {
    return this.#document.shape.key.length === 0;
  }

  /**
   * The sink's copy of a row may be of another time than the log's place: INIT_SYNC or a source read has not been passed
   * by the frontier yet. Then UNCHANGED of a key change comes from the source (I9): the copy under the old key may be of
   * a row that took the key later. What was left out because its column was not proven is each change's own matter
   * (`CompiledRoute.unsure`).
   */
  get early(): boolean {
    return this.#document.state !== "SYNC";
  }

  /** Sets which of its put-off rows the next round does not give up, though it should be the last one. */
  spares(letters: readonly DeadLetter[]): void {
    const byTarget = Map.groupBy(letters, ({ target }) => target);
    this.#spared = new Map([...byTarget].map(([id, of]) => [id, new Set(of.map((l) => l.key))]));
  }

  /** Its put-off row is parked where it is refused once more. */
  givesUp(target: TableId, key: string): boolean {
    return this.lastRound && this.#spared.get(target)?.has(key) !== true;
  }

  /** Its rows may come and go with parts of it, of which no log tells. */
  get hasParts(): boolean {
    const { parts } = this.standing;
    return Array.isArray(parts) && parts.length > 0;
  }

  /** Everything is planned and loaded; what is left is for the frontier to pass `end`. */
  get loaded(): boolean {
    const d = this.#document;
    // What has no key is emptied before it is loaded: there are no ghosts.
    return d.allPlanned && this.chunks.size === 0 && (d.sweep !== "due" || this.keyless);
  }

  /** Its document, as it is when it is written. */
  get stored(): LiveDocument {
    return { key: stateKey.table(this.id), read: () => this.#withoutKeys() };
  }

  /** What the source is asked to hold a look against; parts of a table that it no longer is are none. */
  get standing(): TableStanding {
    const parts = this.parts?.identity === this.shape.identity ? this.parts.parts : null;
    return { carrier: this.#document.carrier ?? null, parts };
  }

  get storedParts(): LiveDocument {
    return { key: stateKey.parts(this.id), read: () => this.parts };
  }

  /** The document of one of its chunks; it goes with the chunk. */
  storedChunk(n: number): LiveDocument {
    const read = () => (this.#hidesKey ? null : (this.chunks.get(n) ?? null));
    return { key: stateKey.chunk(this.id, n), read };
  }

  get #hidesKey(): boolean {
    return this.routesFor(this.shape).some((route) => route.hidesKey);
  }

  /** Bounds of chunks are keys: where those are hashed on the way, a load that is broken off begins anew. */
  #withoutKeys(): TableDocument {
    const document = { ...this.#document, ways: waysOf(this.#targets) };
    if (!this.#hidesKey) return document;
    const allPlanned = document.allPlanned && this.chunks.size === 0;
    const begun = document.planned !== null || document.allPlanned || document.begun === true;
    const rowsLoaded = allPlanned ? document.rowsLoaded : 0;
    return { ...document, planned: null, allPlanned, rowsLoaded, begun };
  }

  update(part: Partial<TableDocument>): void {
    // The log tells of another table under this name, perhaps of a third: whoever has it now is looked for.
    if (part.shape !== undefined && part.shape.identity !== this.shape.identity)
      this.awaited = null;
    const isTold = part.shape !== undefined && this.#document.outdated === true;
    this.#document = { ...this.#document, ...(isTold ? { outdated: false } : {}), ...part };
    this.#initSync = null;
  }

  /** What is shown of it. */
  status(deadLetters: number): TableStatus {
    const d = this.#document;
    const percent =
      d.state === "SYNC"
        ? 100
        : d.estimatedRows === null || d.estimatedRows <= 0 || this.paused !== null
          ? null
          : Math.min(99, (100 * d.rowsLoaded) / d.estimatedRows);
    return {
      id: this.id,
      targets: this.#targets.map(({ target }) => this.#placeOf(target)),
      state: d.state,
      rowsLoaded: d.rowsLoaded,
      estimatedRows: d.estimatedRows,
      loadedPercent: percent === null ? null : Math.floor(percent),
      changes: this.changes,
      deadLetters,
      stopped: this.stopped,
      paused: this.paused,
      notices: this.notices,
    };
  }
}

function initSyncOf({ generation, rowsLoaded, loadedAtMs, repeated }: TableDocument): InitSync {
  return {
    startMs: generation,
    endMs: loadedAtMs ?? null,
    rows: rowsLoaded,
    isRepeated: repeated === true,
  };
}
