import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Json, Position } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { Committer } from "./committer.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import { Feed } from "./feed.ts";
import { Frontier } from "./frontier.ts";
import { FrontierWriter } from "./frontier-writer.ts";
import { GhostSweep } from "./ghost-sweep.ts";
import type { Lane } from "./lane.ts";
import { LetterDesk } from "./letter-desk.ts";
import { Loader } from "./loader.ts";
import { LogReader } from "./log-reader.ts";
import { makeLanes, makeSourceReads } from "./make-lanes.ts";
import { PauseGate } from "./pause-gate.ts";
import { prepareRun, type Prepared } from "./prepare-run.ts";
import { PutOffRounds } from "./put-off-rounds.ts";
import { Replay } from "./replay.ts";
import { resizeLanes } from "./resize-lanes.ts";
import { SentTransactions } from "./sent-transactions.ts";
import { stateKey } from "./state-documents.ts";
import { stopTable, tellStopped } from "./stop-table.ts";
import { StateWriter, type LiveDocument } from "./state-writer.ts";
import type { ChannelStatus } from "./status.ts";
import { TableLoads } from "./table-loads.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { TableWatch } from "./table-watch.ts";
import type { TaskParts } from "./task-api.ts";

const LOG_SHARE = 0.6;
const CHUNK_SHARE = 0.4;
const WINDOW_SHARE = 0.05;
/** How long the end of a run waits for calls that do not answer. */
const CLOSE_GRACE_MS = 10_000;

/**
 * One run of a task: from takeover to its end. Whatever breaks ends it; the next run begins with a takeover and reads
 * what is durable, which is right whatever happened before.
 */
export class Run {
  readonly #parts: TaskParts;
  readonly #prepared: Prepared;
  readonly #abort: AbortController;
  readonly #log: SourceLog;
  readonly #sent: SentTransactions;
  readonly lanes: readonly Lane[];
  readonly frontier: Frontier;
  readonly book: DeadLetterBook;
  readonly letters: LetterDesk;
  readonly #putOff: PutOffRounds;
  readonly #committer: Committer;
  readonly #feed: Feed;
  readonly #reader: LogReader;
  readonly #loader: Loader;
  readonly #loads: TableLoads;
  readonly #watch: TableWatch;
  readonly #barriers: Barriers;
  readonly #frontierWriter: FrontierWriter;
  readonly #chunkParts: ChunkParts;
  readonly #state: StateWriter;
  readonly #failed = Promise.withResolvers<never>();
  readonly #gate = new PauseGate();
  readonly #logBytes: ByteAccount;
  readonly #chunkBytes: ByteAccount;
  #progressMs: number;

  /** Takes over, prepares source and sink, opens the log; makes that anew where the last one told of a `loss`. */
  static async begin(
    parts: TaskParts,
    abort: AbortController,
    loss: MillraceError | null,
  ): Promise<Run> {
    const prepared = await prepareRun(parts, abort.signal, loss);
    failpoint("run.prepared");
    const log = await parts.source.openLog({
      from: prepared.frontier.position,
      tables: new Map([...prepared.tables.values()].map((table) => [table.id, table.shape])),
      maxValueBytes: prepared.maxValueBytes,
    });
    return new Run(parts, prepared, log, abort);
  }

  private constructor(
    parts: TaskParts,
    prepared: Prepared,
    log: SourceLog,
    abort: AbortController,
  ) {
    this.#abort = abort;
    this.#parts = parts;
    this.#prepared = prepared;
    this.#log = log;
    this.#progressMs = parts.clock.now();
    this.#committer = prepared.committer;
    this.#failed.promise.catch(() => undefined); // nobody may wait for it yet
    this.#state = new StateWriter({
      committer: prepared.committer,
      failed: (error) => this.#failed.reject(error),
    });
    this.book = prepared.book;
    this.#sent = new SentTransactions(prepared.frontier.unseen);
    this.frontier = new Frontier(prepared.lanes, prepared.frontier);
    this.#logBytes = parts.budget.account(LOG_SHARE);
    this.#chunkBytes = parts.budget.account(CHUNK_SHARE);
    this.lanes = this.#makeLanes();
    this.#chunkParts = this.#makeChunkParts();
    this.#feed = this.#makeFeed();
    this.#barriers = prepared.barriers({
      acknowledged: () => this.frontier.durable.acknowledge,
      unseen: () => this.#sent.list(),
    });
    this.#loader = this.#makeLoader();
    this.#reader = this.#makeReader();
    this.#loads = this.#makeLoads();
    this.#watch = this.#makeWatch();
    this.#frontierWriter = this.#makeFrontierWriter();
    const replay = this.#makeReplay();
    this.letters = this.#makeLetterDesk(replay);
    this.#putOff = this.#makePutOffRounds(replay);
  }

  #makePutOffRounds(replay: Replay): PutOffRounds {
    const { checks } = this.#prepared;
    return new PutOffRounds({
      book: this.book,
      replay,
      isReplaceable: (target) => checks.get(target)?.irreplaceable !== true,
      look: (table) => this.#syncIfPassed(table),
      fail: (error) => this.#failed.reject(error),
    });
  }

  #makeLanes(): Lane[] {
    return makeLanes({
      task: this.#parts,
      prepared: this.#prepared,
      logBytes: this.#logBytes,
      chunkBytes: this.#chunkBytes,
      writeState: this.#writeState,
      signal: this.#abort.signal,
      passed: (lane, mark) => {
        if (this.frontier.pass(lane, mark)) this.#onFrontier();
      },
      stopTable: (why) => {
        const now = () => this.#parts.clock.now();
        return stopTable({ tables: this.tables, writeState: this.#writeState, now }, why);
      },
    });
  }

  #makeFeed(): Feed {
    const { lanes } = this;
    const { tables, frontier, choice } = this.#prepared;
    return new Feed({
      choice,
      source: this.#parts.source,
      lanes,
      tables,
      sent: this.#sent,
      logBytes: this.#logBytes,
      durable: frontier.replayed ? frontier.position : null,
    });
  }

  #makeChunkParts(): ChunkParts {
    const { source, clock, random, budget } = this.#parts;
    return {
      source,
      lanes: this.lanes,
      choice: this.#prepared.choice,
      sent: this.#sent,
      chunkBytes: this.#chunkBytes,
      windowLimitBytes: budget.limitBytes * WINDOW_SHARE,
      maxValueBytes: this.#prepared.maxValueBytes,
      clock,
      random,
      writeState: this.#writeState,
      replayed: (signal) => this.#reader.replayed(signal),
    };
  }

  #makeLoader(): Loader {
    const { source, sink, settings, observer } = this.#parts;
    const order = new ConstraintOrder(this.#prepared.checks, this.#prepared.choice);
    return new Loader({
      ...this.#chunkParts,
      tables: this.#prepared.tables,
      workers: settings.snapshotParallelism,
      chunkRows: settings.chunkRows,
      sweep:
        sink.readKeys === undefined
          ? null
          : new GhostSweep(this.#chunkParts, sink.readKeys.bind(sink)),
      canSweep: this.#prepared.canSweep,
      mustWait: (table) => order.mustWait(table, this.tables),
      observer,
      signal: this.#abort.signal,
      onLoaded: (table) => {
        void source.nudge();
        this.#syncIfPassed(table);
      },
      onShapeMoved: (table) => this.#loads.adopt(table),
      running: this.#gate.passed,
    });
  }

  #makeReader(): LogReader {
    return new LogReader({
      log: this.#log,
      feed: this.#feed,
      lanes: this.lanes,
      frontier: this.frontier,
      barriers: this.#barriers,
      logBytes: this.#logBytes,
      signal: this.#abort.signal,
      stopLoad: (table) => this.#loader.stopTable(table),
      startLoad: (table) => this.#loads.begin(table),
      passedBefore: (position) => this.#passedBefore(position),
      running: this.#gate.passed,
      onFrontier: () => this.#onFrontier(),
    });
  }

  #makeLoads(): TableLoads {
    return new TableLoads(this.#loader, {
      chunks: this.#chunkParts,
      prepared: this.#prepared,
      reader: this.#reader,
      barriers: this.#barriers,
      observer: this.#parts.observer,
      signal: this.#abort.signal,
      durable: () => this.frontier.durable.position,
      fail: (error) => this.#failed.reject(error),
    });
  }

  #makeWatch(): TableWatch {
    return new TableWatch({
      ...this.#parts,
      tables: this.#prepared.tables,
      loads: this.#loads,
      durable: () => this.frontier.durable.position,
      writeState: this.#writeState,
      signal: this.#abort.signal,
    });
  }

  #makeReplay(): Replay {
    const { book } = this;
    const { tables } = this.#prepared;
    const { sink } = this.#parts;
    const { signal } = this.#abort;
    const reads = makeSourceReads({
      task: this.#parts,
      prepared: this.#prepared,
      writeState: this.#writeState,
      signal,
    });
    const beside = { ...this.#chunkParts, sink, tables, book, reads, signal };
    return new Replay({ ...beside, loader: this.#loader });
  }

  #makeLetterDesk(replay: Replay): LetterDesk {
    const { book, lanes } = this;
    const { choice } = this.#prepared;
    const { observer } = this.#parts;
    const { signal } = this.#abort;
    return new LetterDesk({ book, replay, lanes, choice, observer, signal });
  }

  #makeFrontierWriter(): FrontierWriter {
    return new FrontierWriter({
      source: this.#parts.source,
      clock: this.#parts.clock,
      frontier: this.frontier,
      sent: this.#sent,
      written: this.#prepared.frontier.position,
      writeState: this.#writeState,
      acknowledge: (position) => this.#log.acknowledge(position),
      refuseIfFenced: () => this.#committer.refuseIfFenced(),
      signal: this.#abort.signal,
    });
  }

  get tables(): ReadonlyMap<TableId, TableRuntime> {
    return this.#prepared.tables;
  }

  get fence(): number {
    return this.#committer.fence;
  }

  get identity(): Json {
    return this.#prepared.identity;
  }

  /** The log and the chunks in flight, with their frontiers. */
  channels(): ChannelStatus[] {
    const chunks = [...this.tables.values()].flatMap((table) =>
      [...table.chunks.values()].map((chunk) => ({
        id: stateKey.chunk(table.id, chunk.n),
        kind: "chunk" as const,
        frontier: chunk.from,
      })),
    );
    return [{ id: "log", kind: "log", frontier: this.frontier.durable.position }, ...chunks];
  }

  /** Milliseconds since the frontier moved last. */
  progressAgeMs(): number {
    return Math.max(0, this.#parts.clock.now() - this.#progressMs);
  }

  /** Works until `stop` or until something breaks; rejects with what broke. */
  async work(): Promise<void> {
    tellStopped(this.tables, this.#parts.observer);
    // Nothing is loaded into lanes that are about to change.
    const loads = this.#prepared.wanted.equals(this.#prepared.choice);
    if (loads) this.#loads.start();
    else this.#resize();
    const loops = [
      ...this.lanes.map((lane) => lane.run()),
      this.#reader.run(),
      ...(loads ? [this.#loader.run()] : []),
      this.#frontierWriter.run(),
      this.#watch.run(),
    ];
    try {
      await Promise.race([...loops, this.#failed.promise]);
      if (!this.#abort.signal.aborted)
        throw new MillraceError("MR_BUG", "a part of the task ended by itself");
    } catch (thrown) {
      if (!(this.#abort.signal.aborted && thrown === this.#abort.signal.reason)) throw thrown;
    } finally {
      await this.#close(loops);
    }
  }

  /**
   * Ends the run: what is in the lanes becomes durable and is acknowledged, as far as `graceMs` allows. False where
   * that was not enough; what is left is read again by the next run.
   */
  async stop(graceMs: number): Promise<boolean> {
    this.pause();
    const finished = this.#reader.drained().then(() => this.#frontierWriter.writeNow());
    const grace = this.#parts.clock.sleep(graceMs, this.#abort.signal);
    const done = await Promise.race([finished.then(() => true), grace.then(() => false)]).catch(
      () => false,
    );
    this.#abort.abort(new Error("stopped"));
    return done;
  }

  pause(): void {
    this.#gate.close();
  }

  resume(): void {
    this.#gate.open();
  }

  /** A new generation of one table. */
  resync(id: TableId): Promise<void> {
    return this.#loads.resync(id);
  }

  /** Everything is SYNC that is not stopped, and nothing is known that the log did not tell. */
  get allSync(): boolean {
    if (!this.#watch.settled) return false;
    for (const { document, stopped } of this.tables.values())
      if (document.state !== "SYNC" && stopped === null) return false;
    return true;
  }

  #resize(): void {
    const { frontier } = this;
    const parts = {
      committer: this.#committer,
      prepared: this.#prepared,
      frontier,
      sent: this.#sent,
    };
    const work = this.#reader.interrupt(() => resizeLanes(parts));
    work.catch(() => undefined); // the reader rejects with the same
  }

  /**
   * A barrier sets all lanes' checkpoints in one transaction. So where one lane is past the position, an earlier run has
   * passed it: with a barrier, or because there was nothing to do.
   */
  #passedBefore(position: Position): boolean {
    const { source } = this.#parts;
    const durable = this.#prepared.frontier;
    if (durable.replayed && source.comparePositions(position, durable.position) <= 0) return true;
    return this.lanes.some(
      (lane) =>
        lane.replayUntil !== null && source.comparePositions(position, lane.replayUntil) <= 0,
    );
  }

  readonly #writeState = (documents: readonly LiveDocument[]): Promise<void> =>
    this.#state.write(documents);

  #onFrontier(): void {
    this.#progressMs = this.#parts.clock.now();
    this.#watch.onFrontier();
    for (const table of this.tables.values()) if (table.early) this.#syncIfPassed(table);
  }

  /** SYNC once the frontier has passed the table's end position (I7). */
  #syncIfPassed(table: TableRuntime): void {
    const { state, end } = table.document;
    if (state === "SYNC" || table.stopped !== null || !table.loaded || end === null) return;
    if (this.#parts.source.comparePositions(this.frontier.durable.position, end) < 0) return;
    if (this.#putOff.holds(table)) return;
    table.update({ state: "SYNC" });
    this.#writeState([table.stored]).then(
      () => this.#tellState(table),
      () => undefined, // the run has ended; the next one finds the table loaded
    );
  }

  #tellState(table: TableRuntime): void {
    this.#parts.observer.event({ type: "table", table: table.id, state: table.document.state });
  }

  async #close(loops: readonly Promise<void>[]): Promise<void> {
    this.#abort.abort(new Error("the run ended"));
    this.#state.end(new Error("the run ended"));
    this.#reader.end(new Error("the run ended"));
    await this.#log.close().catch(() => undefined);
    const settled = new AbortController();
    const grace = this.#parts.clock.sleep(CLOSE_GRACE_MS, settled.signal).catch(() => undefined);
    await Promise.race([Promise.allSettled(loops), grace]);
    settled.abort();
    this.#logBytes.close();
    this.#chunkBytes.close();
  }
}
