import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { ChunkKey, Position, TransactionId } from "../model/position.ts";
import type { RowLine } from "../model/row-line.ts";
import type { ChunkBatch, SnapshotWish, Source, SourceSnapshot } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { LoadControl } from "./load-control.ts";
import type { Lane } from "./lane.ts";
import type { LaneChoice } from "./lane-choice.ts";
import { RowItem, type ChunkMark } from "./lane-item.ts";
import { isHeldUp } from "./held-tables.ts";
import type { LogRest } from "./log-rest.ts";
import type { ReadAhead } from "./read-ahead.ts";
import { backoffMs } from "./retry.ts";
import type { CompiledRoute } from "./routes.ts";
import { SnapshotLife } from "./snapshot-life.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { joined } from "./standing.ts";
import type { ChunkDocument } from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";
import type { Window } from "./windows.ts";

/** What reading chunks needs. */
export interface ChunkParts {
  readonly source: Source;
  readonly lanes: readonly Lane[];
  readonly choice: LaneChoice;
  readonly sent: SentTransactions;
  readonly chunkBytes: ByteAccount;
  readonly load: LoadControl;
  readonly readAhead: ReadAhead;
  readonly rest: LogRest;
  readonly windowLimitBytes: number;
  readonly maxValueBytes: number;
  /** {@link SinkCapabilities.takesLines}. */
  readonly takesLines: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Not awaited where only progress is told. */
  readonly writeState: (documents: readonly LiveDocument[]) => Promise<void>;
  /** How far the log is durable. */
  readonly durable: () => Position;
  /** Resolves once replay has passed every lane's checkpoint: no window opens before (I7). */
  readonly replayed: (signal: AbortSignal) => Promise<void>;
}

const BATCH_BYTES = 256 * 1024;
const PROGRESS_EVERY_MS = 1_000;
/** Behind the last rows of a chunk. */
const NO_ROWS = { rows: [], lastKey: null };

/** A window with the snapshot that it was opened for. */
interface View {
  readonly window: Window;
  readonly snapshot: SourceSnapshot;
}

/**
 * Reads one chunk into the lanes: a channel over a key range that ends. Its window opens before its snapshot is taken;
 * keys that change from then on are struck; a snapshot that does not see what went to the lanes before is thrown away
 * (DESIGN "Chunk rows and changes").
 */
export class ChunkReader {
  readonly #parts: ChunkParts;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** Resolves with the log's end behind all of the chunk's snapshots, once all its rows are durable. */
  async read(table: TableRuntime, chunk: ChunkDocument, signal: AbortSignal): Promise<Position> {
    let end: Position | null = null;
    for (let from = chunk.from, rows = chunk.rows; ;) {
      await this.#parts.load.rate.paid(signal);
      const view = await openView(this.#parts, table, signal);
      const progress = new ChunkProgress(this.#parts, table, { ...chunk, from, rows });
      let whole: boolean;
      let lost: MillraceError | null = null;
      try {
        whole = await this.#enterRows(table, chunk, from, view, progress, signal);
      } catch (thrown) {
        if (!(thrown instanceof MillraceError) || !isHeldUp(thrown)) throw thrown;
        lost = thrown;
        whole = false;
      } finally {
        table.windows.close(view.window);
        await view.snapshot.close();
      }
      const isVain = view.window.overflowed && progress.isEmpty;
      await progress.durable(signal);
      // It goes on from what is durable now, when it is tried again.
      if (lost !== null) throw lost;
      failpoint("chunk.rows-durable");
      end = joined(this.#parts.source, end, view.snapshot.logEnd);
      if (whole) return end;
      if (isVain) await this.#parts.rest.failed(table, signal);
      ({ from, rows } = progress.document);
    }
  }

  /**
   * False when the window had to give up, or the snapshot's time was over: the rest is read again from what is durable,
   * with a new one.
   */
  async #enterRows(
    table: TableRuntime,
    chunk: ChunkDocument,
    from: ChunkKey | null,
    view: View,
    progress: ChunkProgress,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { chunkBytes, clock, load, maxValueBytes, readAhead } = this.#parts;
    const range = { from, to: chunk.to };
    const lines = this.#parts.takesLines && table.routesFor(table.shape).every(canTakeLines);
    const options = { maxValueBytes, batchBytes: BATCH_BYTES, closes: true, lines };
    const life = new SnapshotLife(clock, view.snapshot, signal);
    try {
      for await (const batch of view.snapshot.readChunk(table.shape, range, options)) {
        if (!readAhead.wanted && !(await life.outlasts(until(life.signal, readAhead.wait()))))
          return false;
        if (!(await life.outlasts(load.rate.inTime(life.signal)))) return false;
        if (!(await life.outlasts(chunkBytes.take(batch.bytes, life.signal)))) return false;
        if (signal.aborted || view.window.overflowed) {
          chunkBytes.give(batch.bytes);
          signal.throwIfAborted();
          return false;
        }
        this.#enter(table, batch, view.window);
        this.#parts.rest.progressed(table, view.window);
        progress.sent(batch);
        load.rate.took(rowsOf(batch), batch.sentBytes, table.id);
        failpoint("chunk.batch-sent");
      }
    } finally {
      life.end();
    }
    progress.sent(NO_ROWS);
    return true;
  }

  /** Rows into their lanes, less those that were struck. One step with striking: nothing is awaited here (I7). */
  #enter(table: TableRuntime, batch: ChunkBatch, window: Window): void {
    const routes = table.routesFor(table.shape);
    let given = batch.bytes;
    for (const change of batch.rows) {
      const row = change.after;
      if (row === null) continue;
      const key = this.#parts.source.keyText(change.shape, row);
      if (window.has(key)) continue;
      let bytes = change.bytes;
      for (const route of routes) {
        this.#lane(route.target.id, key).pushLoad(
          new RowItem("put", table, route, key, route.mapRead(row), null, change, bytes),
        );
        given -= bytes;
        bytes = 0;
      }
    }
    given -= this.#enterLines(table, batch.lines ?? [], routes, window);
    if (given !== 0) this.#parts.chunkBytes.give(given);
  }

  /** What they weigh that entered, bytes. Hot: once per row. */
  #enterLines(
    table: TableRuntime,
    lines: readonly RowLine[],
    routes: readonly CompiledRoute[],
    window: Window,
  ): number {
    let taken = 0;
    for (const line of lines) {
      const { key } = line;
      if (window.has(key)) continue;
      let { bytes } = line;
      for (const route of routes) {
        // They may have changed while the rows were read.
        const item = route.takesLines
          ? RowItem.ofLine(table, route, line, bytes)
          : readItem(table, route, line, bytes);
        this.#lane(route.target.id, key).pushLoad(item);
        taken += bytes;
        bytes = 0;
      }
    }
    return taken;
  }

  #lane(target: TableId, key: string): Lane {
    const lane = this.#parts.lanes[this.#parts.choice.laneOf(target, key)];
    if (lane === undefined) throw new MillraceError("MR_BUG", "a key hashes to no lane");
    return lane;
  }
}

function canTakeLines({ takesLines }: CompiledRoute): boolean {
  return takesLines;
}

function readItem(
  table: TableRuntime,
  route: CompiledRoute,
  line: RowLine,
  bytes: number,
): RowItem {
  const change = line.read();
  const row = route.mapRead(change.after ?? []);
  return new RowItem("put", table, route, line.key, row, null, change, bytes);
}

function rowsOf({ rows, lines }: Pick<ChunkBatch, "rows" | "lines">): number {
  return rows.length + (lines?.length ?? 0);
}

/**
 * Opens a window, then a snapshot that sees everything that went to the lanes before it, and the log as far as it is
 * durable: a load that begins because of what was found there has to find the same. The window stays while snapshots
 * are thrown away, for a server that is always behind would never see what was sent last.
 */
export async function openView(
  parts: ChunkParts,
  table: TableRuntime,
  signal: AbortSignal,
  { exact = false }: { exact?: boolean } = {},
): Promise<View> {
  await parts.replayed(signal);
  for (;;) {
    signal.throwIfAborted();
    const window = table.windows.open(parts.windowLimitBytes);
    let snapshot: SourceSnapshot | null = null;
    parts.rest.watch(table, window);
    try {
      const position = parts.durable();
      snapshot = await openSnapshotBehind(parts, window, {
        reads: "chunk",
        position,
        exact,
        signal,
      });
    } finally {
      if (snapshot === null) table.windows.close(window);
    }
    if (snapshot !== null) return { window, snapshot };
    await parts.rest.failed(table, signal);
  }
}

/** Null where the window had to give up before any snapshot saw enough. */
async function openSnapshotBehind(
  { source, sent, clock, random }: ChunkParts,
  window: Window,
  wish: SnapshotWish & { readonly signal: AbortSignal },
): Promise<SourceSnapshot | null> {
  let before: readonly TransactionId[] = sent.list();
  for (let attempt = 0; !window.overflowed; attempt++) {
    wish.signal.throwIfAborted();
    const snapshot = await source.openSnapshot({ ...wish, transactions: before });
    const unseen = before.filter((id) => !snapshot.sees(id));
    sent.prune(before, unseen);
    if (unseen.length === 0) {
      failpoint("chunk.window-open");
      return snapshot;
    }
    await snapshot.close();
    before = unseen;
    await clock.sleep(backoffMs(attempt, 5, 1_000, random), wish.signal);
  }
  return null;
}

/** How far a chunk is durable: marks pass through all lanes, and now and then the document says so. */
class ChunkProgress {
  readonly #parts: ChunkParts;
  readonly #table: TableRuntime;
  #toldMs: number;
  #outstanding = 0;
  #idle: (() => void) | null = null;
  #isEmpty = true;
  document: ChunkDocument;

  constructor(parts: ChunkParts, table: TableRuntime, document: ChunkDocument) {
    this.#parts = parts;
    this.#table = table;
    this.document = document;
    this.#toldMs = parts.clock.monotonic();
  }

  sent(batch: Pick<ChunkBatch, "rows" | "lines" | "lastKey">): void {
    const mark: ChunkMark = {
      kind: "chunk-mark",
      key: batch.lastKey,
      rows: rowsOf(batch),
      pending: this.#parts.lanes.length,
      passed: (m) => this.#passed(m),
    };
    this.#outstanding++;
    this.#isEmpty = false;
    for (const lane of this.#parts.lanes) lane.pushLoad(mark);
  }

  /** Nothing was sent. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Resolves when every batch that was sent is durable. */
  async durable(signal: AbortSignal): Promise<void> {
    if (this.#outstanding === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    await until(signal, idle);
  }

  #passed(mark: ChunkMark): void {
    const rows = this.document.rows + mark.rows;
    this.document = { ...this.document, rows, from: mark.key ?? this.document.from };
    this.#table.chunks.set(this.document.n, this.document);
    this.#table.update({ rowsLoaded: this.#table.document.rowsLoaded + mark.rows });
    if (--this.#outstanding === 0) this.#idle?.();
    const now = this.#parts.clock.monotonic();
    if (now - this.#toldMs < PROGRESS_EVERY_MS || this.#outstanding === 0) return;
    this.#toldMs = now;
    const told = this.#parts.writeState([this.#table.storedChunk(this.document.n)]);
    told.catch(() => undefined); // the run has ended; the chunk is read again from its last durable word
  }
}
