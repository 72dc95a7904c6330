import type { Clock } from "../model/ports.ts";
import type { ChunkKey } from "../model/position.ts";
import type { ChunkBatch } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import { rowsOf } from "./chunk-rows.ts";
import type { Lane } from "./lane.ts";
import type { ChunkMark, RowItem } from "./lane-item.ts";
import type { ChunkDocument } from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";

interface ProgressParts {
  readonly lanes: readonly Lane[];
  readonly clock: Clock;
  /** See {@link tellsLoads}. */
  readonly tellsLoads: boolean;
  /** Not awaited: only progress is told. */
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
}

const PROGRESS_EVERY_MS = 1_000;
const NONE: ReadonlyMap<LoadedBatch, readonly RowItem[]> = new Map();

/** Rows of a chunk that came together, on their way through the lanes; where loads are told once, what of them is durable. */
export class LoadedBatch {
  readonly progress: ChunkProgress;
  readonly key: ChunkKey | null;
  readonly rows: number;
  /** Items that are not durable yet. */
  left = 0;
  /** The names of those that are. */
  readonly told: string[] = [];
  isCounted = false;

  constructor(progress: ChunkProgress, key: ChunkKey | null, rows: number) {
    this.progress = progress;
    this.key = key;
    this.rows = rows;
  }

  /** False where an earlier run, or reading, has told the row to its target already. Hot: once per row. */
  takes(item: RowItem): boolean {
    const { carried } = this.progress;
    if (carried.size > 0) {
      const name = nameOf(item);
      if (carried.has(name)) {
        this.told.push(name);
        return false;
      }
    }
    item.load = this;
    this.left++;
    return true;
  }
}

/**
 * How far a chunk is durable. Marks pass through all lanes, and now and then the document says so; where loads are told once,
 * it goes with the rows themselves (`told-loads.ts`), and names those beyond its key that were told already.
 */
export class ChunkProgress {
  readonly #parts: ProgressParts;
  readonly #table: TableRuntime;
  #toldMs: number;
  #outstanding = 0;
  #idle: (() => void) | null = null;
  #isEmpty = true;
  /** In the order of their keys; those before them are in the document's `from`. */
  readonly #batches: LoadedBatch[] = [];
  /** Names of items beyond the document's key that were told when the reading began, and were not met again yet. */
  readonly carried: Set<string>;
  document: ChunkDocument;

  constructor(parts: ProgressParts, table: TableRuntime, document: ChunkDocument) {
    this.#parts = parts;
    this.#table = table;
    this.document = document;
    this.carried = new Set(namesIn(document));
    this.#toldMs = parts.clock.monotonic();
  }

  get table(): TableRuntime {
    return this.#table;
  }

  /** Nothing was sent. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Its document is kept, and is the table's: the load was not begun anew since. */
  get isKept(): boolean {
    return this.#table.storedChunk(this.document.n).read() === this.document;
  }

  /** A batch whose rows are about to enter. */
  begin(batch: Pick<ChunkBatch, "rows" | "lines" | "lastKey">): LoadedBatch {
    return new LoadedBatch(this, batch.lastKey, rowsOf(batch));
  }

  /** They have, in one step with this. */
  sent(batch: LoadedBatch): void {
    const mark: ChunkMark = {
      kind: "chunk-mark",
      key: batch.key,
      rows: batch.rows,
      pending: this.#parts.lanes.length,
      passed: () => this.#passed(batch),
    };
    this.#outstanding++;
    this.#isEmpty = false;
    if (this.#parts.tellsLoads) this.#batches.push(batch);
    for (const lane of this.#parts.lanes) lane.pushLoad(mark);
  }

  /** Resolves when every batch that was sent is durable. */
  async durable(signal: AbortSignal): Promise<void> {
    if (this.#outstanding === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    await until(signal, idle);
  }

  /** What the document says once these are durable too, and how many rows are counted with them. */
  with(coming: ReadonlyMap<LoadedBatch, readonly RowItem[]>): {
    readonly document: ChunkDocument;
    readonly rows: number;
  } {
    const { told: _, ...before } = this.document;
    let { from, rows } = before;
    let counted = 0;
    let isPrefix = true;
    const told = new Set(this.carried);
    for (const batch of this.#batches) {
      const items = coming.get(batch) ?? [];
      isPrefix &&= batch.left === items.length;
      const isBehind = isPrefix && batch.key !== null;
      // As nearly always: then no row needs a name.
      const names = isBehind && told.size === 0 ? [] : [...batch.told, ...items.map(nameOf)];
      for (const name of names)
        if (isBehind) told.delete(name);
        else told.add(name);
      if (!isBehind) continue;
      from = batch.key;
      rows += batch.rows;
      if (!batch.isCounted) counted += batch.rows;
    }
    const more = told.size === 0 ? {} : { told: byTarget(told) };
    return { document: { ...before, from, rows, ...more }, rows: counted };
  }

  /** These are durable. */
  landed(coming: ReadonlyMap<LoadedBatch, readonly RowItem[]>): void {
    for (const [batch, items] of coming) batch.left -= items.length;
    const whole = new Set(this.carried.size === 0 ? this.#whole() : []);
    for (const [batch, items] of coming)
      if (!whole.has(batch)) batch.told.push(...items.map(nameOf));
    this.#fold();
  }

  #passed(batch: LoadedBatch): void {
    if (this.#parts.tellsLoads) this.#fold();
    else {
      const rows = this.document.rows + batch.rows;
      this.#keep({ ...this.document, rows, from: batch.key ?? this.document.from });
    }
    this.#count(batch);
    if (--this.#outstanding === 0) this.#idle?.();
    const now = this.#parts.clock.monotonic();
    const isDue = now - this.#toldMs >= PROGRESS_EVERY_MS && this.#outstanding > 0;
    if (!isDue || this.#parts.tellsLoads) return;
    this.#toldMs = now;
    const told = this.#parts.writeState([this.#table.storedChunk(this.document.n)]);
    told.catch(() => undefined); // the run has ended; the chunk is read again from its last durable word
  }

  /** Behind what is durable without a gap nobody has to know names. */
  #fold(): void {
    const { document } = this.with(NONE);
    for (const batch of this.#batches.splice(0, this.#whole().length)) {
      this.#count(batch);
      for (const name of batch.told) this.carried.delete(name);
    }
    this.#keep(document);
  }

  /** Those that are durable from the first on, and have a key to go on behind. */
  #whole(): readonly LoadedBatch[] {
    const open = this.#batches.findIndex(({ key, left }) => key === null || left > 0);
    return open === -1 ? this.#batches : this.#batches.slice(0, open);
  }

  #keep(document: ChunkDocument): void {
    const { chunks } = this.#table;
    const isOurs = chunks.get(document.n) === this.document || !this.#parts.tellsLoads;
    this.document = document;
    if (isOurs) chunks.set(document.n, document);
  }

  #count(batch: LoadedBatch): void {
    if (batch.isCounted) return;
    batch.isCounted = true;
    this.#table.update({ rowsLoaded: this.#table.document.rowsLoaded + batch.rows });
  }
}

/** An item of a load among those of its chunk. */
function nameOf({ key, route }: RowItem): string {
  return `${route.target.id}\u0000${key}`;
}

function namesIn({ told = {} }: ChunkDocument): string[] {
  return Object.entries(told).flatMap(([target, keys]) =>
    keys.map((key) => `${target}\u0000${key}`),
  );
}

function byTarget(names: ReadonlySet<string>): Record<TableId, readonly string[]> {
  const found: Record<TableId, string[]> = {};
  for (const name of names) {
    const at = name.indexOf("\u0000");
    (found[name.slice(0, at) as TableId] ??= []).push(name.slice(at + 1));
  }
  return found;
}
