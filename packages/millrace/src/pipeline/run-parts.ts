import type { Position } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { ChunkParts } from "./chunk-reader.ts";
import { takesLinesOf } from "./chunk-rows.ts";
import type { Committer } from "./committer.ts";
import { ConstraintOrder } from "./constraint-order.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import { Feed } from "./feed.ts";
import { Frontier } from "./frontier.ts";
import { FrontierWriter } from "./frontier-writer.ts";
import { GhostSweep } from "./ghost-sweep.ts";
import type { Lane } from "./lane.ts";
import { LetterDesk } from "./letter-desk.ts";
import { Loader } from "./loader.ts";
import { LogReader } from "./log-reader.ts";
import { LogRest } from "./log-rest.ts";
import { makeLanes, makeSourceReads, wholeRows } from "./make-lanes.ts";
import { Newcomers } from "./newcomers.ts";
import { marksOf } from "./marks.ts";
import { PauseGate } from "./pause-gate.ts";
import type { Prepared } from "./prepare-run.ts";
import { ParentsPutOff } from "./parents-put-off.ts";
import { PutOffRounds } from "./put-off-rounds.ts";
import { ReadAhead, readAheadOfLoads } from "./read-ahead.ts";
import { Replay } from "./replay.ts";
import { SentTransactions } from "./sent-transactions.ts";
import type { SourceReads } from "./source-reads.ts";
import { stateKey, type TableDocument } from "./state-documents.ts";
import { StateWriter, type LiveDocument } from "./state-writer.ts";
import { reachWith, type Reach } from "./standing.ts";
import { stopTable } from "./stop-table.ts";
import { TableLoads } from "./table-loads.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { targetsElsewhere } from "./targets.ts";
import { TableWatch } from "./table-watch.ts";
import type { RunningTask } from "./task-api.ts";
import { tellsLoads } from "./told-loads.ts";

const LOG_SHARE = 0.6;
const CHUNK_SHARE = 0.4;
const WINDOW_SHARE = 0.05;

/** What the parts of a run tell it. */
interface RunEvents {
  readonly fail: (error: unknown) => void;
  /** The frontier may stand further on. */
  readonly frontierMoved: () => void;
  /** The table may be SYNC now. */
  readonly look: (table: TableRuntime) => void;
}

/** Everything that a run is made of, put together and not yet at work. */
export class RunParts {
  readonly #task: RunningTask;
  readonly #prepared: Prepared;
  readonly #log: SourceLog;
  readonly #signal: AbortSignal;
  readonly #on: RunEvents;
  readonly #order: ConstraintOrder;
  readonly state: StateWriter;
  readonly committer: Committer;
  readonly book: DeadLetterBook;
  readonly sent: SentTransactions;
  readonly frontier: Frontier;
  readonly logBytes: ByteAccount;
  readonly chunkBytes: ByteAccount;
  readonly gate = new PauseGate();
  // One for all: each waits for ends of tables that another one has moved.
  readonly #reads: SourceReads;
  readonly lanes: readonly Lane[];
  readonly readAhead: ReadAhead;
  readonly #loadAhead: ReadAhead;
  readonly #rest: LogRest;
  readonly #chunkParts: ChunkParts;
  readonly #feed: Feed;
  readonly #barriers: Barriers;
  readonly loader: Loader;
  readonly reader: LogReader;
  readonly loads: TableLoads;
  readonly watch: TableWatch;
  readonly frontierWriter: FrontierWriter;
  readonly letters: LetterDesk;
  readonly putOff: PutOffRounds;

  constructor(
    task: RunningTask,
    prepared: Prepared,
    log: SourceLog,
    { signal, ...on }: RunEvents & { readonly signal: AbortSignal },
  ) {
    this.#task = task;
    this.#prepared = prepared;
    [this.#log, this.#signal] = [log, signal];
    this.#on = on;
    this.#order = new ConstraintOrder(prepared.checks, prepared.choice, prepared.tables);
    this.committer = prepared.committer;
    this.book = prepared.book;
    this.state = this.#makeState();
    this.sent = new SentTransactions(prepared.frontier.unseen, task.source.joinTransactions);
    this.frontier = new Frontier(prepared.lanes, prepared.frontier);
    this.logBytes = task.budget.account(LOG_SHARE);
    this.chunkBytes = task.budget.account(CHUNK_SHARE);
    this.#reads = makeSourceReads({ task, prepared, writeState: this.writeState, signal });
    this.lanes = this.#makeLanes();
    this.readAhead = new ReadAhead(this.lanes, signal);
    this.#loadAhead = readAheadOfLoads(this.lanes, signal);
    this.#rest = new LogRest({ ...task, signal });
    this.#chunkParts = this.#makeChunkParts();
    this.#feed = this.#makeFeed();
    this.#barriers = prepared.barriers({
      acknowledged: () => this.frontier.durable.acknowledge,
      unseen: () => this.sent.list(),
      reach: (position) => this.#reach(position),
      reached: (reach) => this.#reached(reach),
    });
    this.loader = this.#makeLoader();
    this.reader = this.#makeReader();
    this.loads = this.#makeLoads();
    this.watch = this.#makeWatch();
    this.frontierWriter = this.#makeFrontierWriter();
    const replay = this.#makeReplay();
    this.letters = this.#makeLetterDesk(replay);
    this.putOff = this.#makePutOffRounds(replay);
  }

  #makeState(): StateWriter {
    const sendsRows = (): boolean => this.lanes[0]?.sends === true;
    return new StateWriter({ committer: this.committer, sendsRows, failed: this.#on.fail });
  }

  readonly writeState = (documents: readonly LiveDocument[]): Promise<void> =>
    this.state.write(documents);

  #makePutOffRounds(replay: Replay): PutOffRounds {
    return new PutOffRounds({
      book: this.book,
      replay,
      order: this.#order,
      look: (table) => this.#on.look(table),
      unlogged: (tables) => this.watch.unlogged(tables),
      writeTable: (table) => this.writeState([table.stored]),
      fail: this.#on.fail,
    });
  }

  #makeLanes(): Lane[] {
    return makeLanes({
      task: this.#task,
      prepared: this.#prepared,
      order: this.#order,
      logBytes: this.logBytes,
      chunkBytes: this.chunkBytes,
      reads: this.#reads,
      writeState: this.writeState,
      signal: this.#signal,
      moreComes: () => this.reader.moreComes,
      passed: (lane, mark) => {
        if (this.frontier.pass(lane, mark)) this.#on.frontierMoved();
      },
      putOffDone: (table) => this.#on.look(table),
      rested: (lane) => {
        if (lane === 0) this.state.rested();
      },
      ride: (own) => this.state.ride(own),
      emptied: () => [this.readAhead, this.#loadAhead].forEach((ahead) => ahead.look()),
      stopTable: (why) => {
        const { clock, source } = this.#task;
        const { tables } = this.#prepared;
        const isLogOnly = source.isLogOnly === true;
        const now = () => clock.now();
        return stopTable({ tables, writeState: this.writeState, now, isLogOnly }, why);
      },
    });
  }

  #makeFeed(): Feed {
    const { tables, frontier, choice } = this.#prepared;
    return new Feed({
      choice,
      source: this.#task.source,
      lanes: this.lanes,
      tables,
      sent: this.sent,
      logBytes: this.logBytes,
      everyChange: !this.#task.sink.capabilities.lastWriteWins,
      durable: frontier.replayed ? frontier.position : null,
    });
  }

  #makeChunkParts(): ChunkParts {
    const { source, clock, random, budget, load } = this.#task;
    return {
      source,
      lanes: this.lanes,
      readAhead: this.#loadAhead,
      rest: this.#rest,
      choice: this.#prepared.choice,
      sent: this.sent,
      chunkBytes: this.chunkBytes,
      load,
      windowLimitBytes: budget.limitBytes * WINDOW_SHARE,
      maxValueBytes: this.#prepared.maxValueBytes,
      takesLines: takesLinesOf(source, this.#task.sink.capabilities),
      tellsLoads: tellsLoads(this.#task.sink.capabilities),
      clock,
      random,
      writeState: this.writeState,
      durable: () => this.frontier.durable.position,
      replayed: (signal) => this.reader.replayed(signal),
    };
  }

  #makeLoader(): Loader {
    const { sink, settings, observer, waits } = this.#task;
    return new Loader({
      ...this.#chunkParts,
      writeBeside: this.#chunkParts.tellsLoads
        ? (documents) => this.state.writeWithRows(documents)
        : this.writeState,
      tables: this.#prepared.tables,
      workers: settings.snapshotParallelism,
      chunkRows: settings.chunkRows,
      sweep:
        sink.readKeys === undefined
          ? null
          : new GhostSweep(this.#chunkParts, sink.readKeys.bind(sink), () =>
              targetsElsewhere(this.#task),
            ),
      goneRows: this.#prepared.goneRows,
      tellEmpty: (table) => this.#tellEmpty(table),
      mustWait: (table) => this.#order.mustWait(table),
      observer,
      waits,
      signal: this.#signal,
      onLoaded: (table) => this.#loaded(table),
      onShapeMoved: (table) => this.loads.adopt(table),
      running: () => this.#mayLoad(),
    });
  }

  #tellEmpty(table: TableRuntime): Promise<void> {
    const mark = { kind: "truncate", position: null } as const;
    const marks = marksOf(this.#task.sink.capabilities, table, mark);
    return this.state.write([table.stored], marks);
  }

  /** Its end may be passed already: a source without changes cannot always be made to move its log. */
  #loaded(table: TableRuntime): void {
    void this.#task.source.nudge();
    this.loads.onLoaded();
    this.#on.look(table);
  }

  /** Resolves unless the task is paused, or its load is. */
  async #mayLoad(): Promise<void> {
    await this.gate.passed();
    await this.#task.load.passed();
  }

  #makeReader(): LogReader {
    return new LogReader({
      log: this.#log,
      feed: this.#feed,
      lanes: this.lanes,
      frontier: this.frontier,
      barriers: this.#barriers,
      logBytes: this.logBytes,
      readAhead: this.readAhead,
      rest: this.#rest,
      wholeRows: wholeRows(this.#task, this.#prepared),
      signal: this.#signal,
      stopLoad: (table) => this.loader.stopTable(table),
      startLoad: (table) => this.loads.begin(table),
      loadAgain: (shape) => this.loads.loadAgain(shape),
      passedBefore: (position) => this.#passedBefore(position),
      running: this.gate.passed,
      paused: () => this.gate.closed,
      onFrontier: () => this.#on.frontierMoved(),
    });
  }

  #makeLoads(): TableLoads {
    const parentsPutOff = new ParentsPutOff(this.#order, this.book);
    return new TableLoads(this.loader, {
      chunks: this.#chunkParts,
      prepared: this.#prepared,
      reader: this.reader,
      barriers: this.#barriers,
      observer: this.#task.observer,
      waits: this.#task.waits,
      signal: this.#signal,
      durable: () => this.frontier.durable.position,
      mustWait: (table) => this.#order.mustWait(table),
      isBehindPutOff: (table) => parentsPutOff.mustWait(table),
      onBehindPutOff: () => this.putOff.onBehind(),
      onBegin: (table) => this.putOff.beginsAnew(table),
      onLoaded: (table) => this.#loaded(table),
      fail: this.#on.fail,
    });
  }

  #makeWatch(): TableWatch {
    const keep = (id: TableId, document: TableDocument | null): Promise<void> =>
      this.writeState([{ key: stateKey.table(id), read: () => document }]);
    return new TableWatch({
      ...this.#task,
      tables: this.#prepared.tables,
      loads: this.loads,
      newcomers: new Newcomers({ ...this.#task, ...this.#prepared, keep }),
      durable: () => this.frontier.durable.position,
      writeState: this.writeState,
      signal: this.#signal,
    });
  }

  #makeReplay(): Replay {
    const { book, loader } = this;
    const { tables } = this.#prepared;
    const { sink } = this.#task;
    const [reads, signal] = [this.#reads, this.#signal];
    const look = (table: TableRuntime): void => this.#on.look(table);
    return new Replay({ ...this.#chunkParts, sink, tables, book, loader, reads, look, signal });
  }

  #makeLetterDesk(replay: Replay): LetterDesk {
    const { book, lanes } = this;
    const { choice } = this.#prepared;
    const { observer, waits } = this.#task;
    const isHeld = () => this.gate.closed && this.#feed.replaying;
    const signal = this.#signal;
    return new LetterDesk({ book, replay, lanes, choice, observer, waits, isHeld, signal });
  }

  #makeFrontierWriter(): FrontierWriter {
    return new FrontierWriter({
      source: this.#task.source,
      clock: this.#task.clock,
      frontier: this.frontier,
      sent: this.sent,
      written: this.#prepared.frontier.position,
      writeState: this.writeState,
      acknowledge: (position) => this.#log.acknowledge(position),
      refuseIfFenced: () => this.committer.refuseIfFenced(),
      isDue: () => this.#task.sink.isDue?.() === true,
      signal: this.#signal,
    });
  }

  /**
   * A barrier sets all lanes' checkpoints in one transaction. So where one lane is past the position, an earlier run has
   * passed it: with a barrier, or because there was nothing to do.
   */
  #passedBefore(position: Position): boolean {
    const { source } = this.#task;
    const durable = this.#prepared.frontier;
    const has = (standing: Position | null) =>
      standing !== null && source.comparePositions(standing, position) >= 0;
    if (durable.replayed && has(durable.position)) return true;
    return this.lanes.some(({ standing: { found } }) => has(found));
  }

  #reach(position: Position): Reach {
    const lanes = this.lanes.map(({ standing }) => standing.at);
    const frontier = this.frontier.durable.position;
    return reachWith(this.#task.source, { frontier, lanes }, position);
  }

  /** The lanes are drained: nothing is outstanding. */
  #reached({ frontier, lanes }: Reach): void {
    for (const [i, lane] of this.lanes.entries()) lane.standing.reached(lanes[i] ?? frontier);
    this.frontier.mark(frontier, null, null, true);
  }
}
