import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Clock, Random } from "../model/ports.ts";
import type { Position, TransactionId } from "../model/position.ts";
import type { ChunkBatch, SnapshotWish, Source, SourceSnapshot } from "../model/source.ts";
import { ChunkProgress } from "./chunk-progress.ts";
import { type ChunkRowParts, enterRows, linesWanted, rowsOf } from "./chunk-rows.ts";
import type { LoadControl } from "./load-control.ts";
import { isHeldUp } from "./held-tables.ts";
import type { LogRest } from "./log-rest.ts";
import type { ReadAhead } from "./read-ahead.ts";
import { backoffMs } from "./retry.ts";
import { SnapshotLife } from "./snapshot-life.ts";
import type { SentTransactions } from "./sent-transactions.ts";
import { joined } from "./standing.ts";
import type { ChunkDocument } from "./state-documents.ts";
import type { LiveDocument } from "./state-writer.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";
import type { Window } from "./windows.ts";

/** What reading chunks needs. */
export interface ChunkParts extends ChunkRowParts {
  readonly source: Source;
  readonly sent: SentTransactions;
  readonly load: LoadControl;
  readonly readAhead: ReadAhead;
  readonly rest: LogRest;
  readonly windowLimitBytes: number;
  readonly maxValueBytes: number;
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
/** Of a load that gives way: what comes meanwhile waits for no more than this to be read. */
const SMALL_BATCH_BYTES = 16 * 1024;
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
 * (design/001 "Chunk rows against the log").
 */
export class ChunkReader {
  readonly #parts: ChunkParts;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** Resolves with the log's end behind all of the chunk's snapshots, once all its rows are durable. */
  async read(table: TableRuntime, chunk: ChunkDocument, signal: AbortSignal): Promise<Position> {
    let end: Position | null = null;
    for (let document = chunk; ;) {
      await this.#parts.load.rate.paid(signal);
      const view = await openView(this.#parts, table, signal);
      const progress = new ChunkProgress(this.#parts, table, document);
      let whole: boolean;
      let lost: MillraceError | null = null;
      try {
        whole = await this.#enterRows(table, view, progress, signal);
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
      ({ document } = progress);
    }
  }

  /**
   * False when the window had to give up, or the snapshot's time was over: the rest is read again from what is durable,
   * with a new one.
   */
  async #enterRows(
    table: TableRuntime,
    view: View,
    progress: ChunkProgress,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { chunkBytes, clock, load, maxValueBytes } = this.#parts;
    const { from, to } = progress.document;
    const range = { from, to };
    const batchBytes = load.turns.areFew ? SMALL_BATCH_BYTES : BATCH_BYTES;
    const pageRows = load.rate.pageRows(table.id);
    const how = { maxValueBytes, batchBytes, pageRows, closes: true };
    const options = { ...how, ...linesWanted(this.#parts, table) };
    const life = new SnapshotLife(clock, view.snapshot, signal);
    let isLate = false;
    try {
      for await (const batch of view.snapshot.readChunk(table.shape, range, options)) {
        const lasts = lastsFor(batch, life, signal);
        if (isLate || !(await this.#mayEnter(batch, lasts))) return false;
        if (signal.aborted || view.window.overflowed) {
          chunkBytes.give(batch.bytes);
          signal.throwIfAborted();
          return false;
        }
        const entered = progress.begin(batch);
        enterRows(this.#parts, table, batch, view.window, entered);
        this.#parts.rest.progressed(table, view.window);
        progress.sent(entered);
        load.rate.took(rowsOf(batch), batch.sentBytes, table.id);
        failpoint("chunk.batch-sent");
        // What is read before it can be sent grows old, and is in the way of changes while it is read.
        // Whether these were the last ones only the next read can tell.
        isLate = load.turns.areFew && !(await this.#isWanted(lasts));
        if (batch.inHand === "last" && batch.lastKey !== null && life.isOver) return false;
      }
    } finally {
      life.end();
    }
    progress.sent(progress.begin(NO_ROWS));
    return true;
  }

  /** Waits until a batch is wanted, may be there by the load's rate, and has room. False where its snapshot's time was over first. */
  async #mayEnter({ bytes }: ChunkBatch, lasts: Lasts): Promise<boolean> {
    const { chunkBytes, load } = this.#parts;
    return (
      (await this.#isWanted(lasts)) &&
      (await lasts((end) => load.rate.inTime(end))) &&
      (await lasts((end) => chunkBytes.take(bytes, end)))
    );
  }

  async #isWanted(lasts: Lasts): Promise<boolean> {
    const { readAhead } = this.#parts;
    return readAhead.wanted || lasts((end) => until(end, readAhead.wait()));
  }
}

/** Whether a snapshot may live until something has come that is waited for. */
type Lasts = (waiting: (end: AbortSignal) => Promise<unknown>) => Promise<boolean>;

/** What is in hand and was paid for is waited for however long that takes. */
function lastsFor({ inHand }: ChunkBatch, life: SnapshotLife, signal: AbortSignal): Lasts {
  return (waiting) =>
    inHand === undefined ? life.outlasts(waiting(life.signal)) : waiting(signal).then(() => true);
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
