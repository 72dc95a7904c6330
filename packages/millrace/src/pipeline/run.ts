import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { Json } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableId } from "../model/table.ts";
import type { DeadLetterBook } from "./dead-letter-book.ts";
import type { Frontier } from "./frontier.ts";
import type { Lane } from "./lane.ts";
import { marksOf } from "./marks.ts";
import { hasPassedEnd } from "./passed-end.ts";
import type { LetterDesk } from "./letter-desk.ts";
import { prepareRun, type Prepared } from "./prepare-run.ts";
import { resizeLanes } from "./resize-lanes.ts";
import { RunEnded } from "./run-ended.ts";
import { RunParts } from "./run-parts.ts";
import { stateKey, type ReleasedDocument } from "./state-documents.ts";
import { tellLeftOut } from "./stop-table.ts";
import type { ChannelStatus } from "./status.ts";
import type { TableRuntime } from "./table-runtime.ts";
import type { RunningTask } from "./task-api.ts";

/** How long the end of a run waits for calls that do not answer. */
const CLOSE_GRACE_MS = 10_000;

/**
 * One run of a task: from takeover to its end. Whatever breaks ends it; the next run begins with a takeover and reads
 * what is durable, which is right whatever happened before.
 */
export class Run {
  readonly #task: RunningTask;
  readonly #prepared: Prepared;
  readonly #abort: AbortController;
  readonly #log: SourceLog;
  readonly #parts: RunParts;
  readonly #failed = Promise.withResolvers<never>();
  #progressMs: number;

  /** Takes over, prepares source and sink, opens the log; makes that anew where the last one told of a `loss`. */
  static async begin(
    parts: RunningTask,
    abort: AbortController,
    loss: MillraceError | null,
  ): Promise<Run> {
    const prepared = await prepareRun(parts, abort.signal, loss);
    failpoint("run.prepared");
    const log = await parts.source.openLog({
      from: prepared.frontier.position,
      tables: new Map([...prepared.tables.values()].map((table) => [table.id, table.shape])),
      adopted: new Set(
        [...prepared.tables.values()]
          .filter(({ document }) => document.aheadOfLog)
          .map(({ id }) => id),
      ),
      paused: new Set(
        [...prepared.tables.values()]
          .filter(({ paused, document }) => paused !== null || document.outdated === true)
          .map(({ id }) => id),
      ),
      initSyncs: new Map(
        [...prepared.tables.values()].map(({ id, initSync }) => [id, initSync] as const),
      ),
      ahead: [...prepared.checkpoints.values()],
      maxValueBytes: prepared.maxValueBytes,
      images: parts.sink.capabilities.takesImages === true,
    });
    return new Run(parts, prepared, log, abort);
  }

  private constructor(
    parts: RunningTask,
    prepared: Prepared,
    log: SourceLog,
    abort: AbortController,
  ) {
    this.#abort = abort;
    this.#task = parts;
    this.#prepared = prepared;
    this.#log = log;
    this.#progressMs = parts.clock.monotonic();
    this.#failed.promise.catch(() => undefined); // nobody may wait for it yet
    this.#parts = new RunParts(parts, prepared, log, {
      signal: abort.signal,
      fail: (error) => this.#failed.reject(error),
      frontierMoved: () => this.#onFrontier(),
      look: (table) => this.#syncIfPassed(table),
    });
  }

  get lanes(): readonly Lane[] {
    return this.#parts.lanes;
  }

  get frontier(): Frontier {
    return this.#parts.frontier;
  }

  get book(): DeadLetterBook {
    return this.#parts.book;
  }

  get letters(): LetterDesk {
    return this.#parts.letters;
  }

  get tables(): ReadonlyMap<TableId, TableRuntime> {
    return this.#prepared.tables;
  }

  get fence(): number {
    return this.#parts.committer.fence;
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
    return this.#task.clock.monotonic() - this.#progressMs;
  }

  /** Works until `stop` or until something breaks; rejects with what broke. */
  async work(): Promise<void> {
    tellLeftOut(this.tables, this.#task.observer);
    // Nothing is loaded into lanes that are about to change.
    const loads = this.#prepared.wanted.equals(this.#prepared.choice);
    if (loads) this.#begin();
    else this.#resize();
    const loops = [
      ...this.lanes.map((lane) => lane.run()),
      this.#parts.reader.run(),
      ...(loads ? [this.#parts.loader.run()] : []),
      this.#parts.frontierWriter.run(),
      this.#parts.watch.run(),
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
    const { reader, frontierWriter } = this.#parts;
    const drained = reader.transactionRead().then(() => reader.drained());
    const finished = drained.then(() => frontierWriter.writeNow());
    const grace = this.#task.clock.sleep(graceMs, this.#abort.signal);
    const done = await Promise.race([finished.then(() => true), grace.then(() => false)]).catch(
      () => false,
    );
    if (done) await Promise.race([this.#release(), grace]).catch(() => undefined);
    this.#abort.abort(new RunEnded("stopped"));
    return done;
  }

  /** Nothing is written behind it: who takes the state away need not ask whether this process still runs. */
  #release(): Promise<void> {
    const document: ReleasedDocument = { v: 1, fence: this.fence };
    return this.#parts.state.write([{ key: stateKey.released, read: () => document }]);
  }

  /** Ends the run with this error. */
  fail(error: MillraceError): void {
    this.#failed.reject(error);
  }

  pause(): void {
    this.#parts.gate.close();
  }

  resume(): void {
    this.#parts.gate.open();
  }

  /** A new generation of one table. */
  resync(id: TableId): Promise<void> {
    return this.#parts.loads.resync(id, "wanted");
  }

  /** Takes one table out of the way: its load ends, its changes are left out. */
  pauseTable(id: TableId): Promise<void> {
    return this.#parts.loads.pause(id);
  }

  /** Brings a paused table back, with a new generation. */
  resumeTable(id: TableId): Promise<void> {
    return this.#parts.loads.resume(id);
  }

  /** Everything is SYNC that is neither stopped nor paused, and nothing is known that the log did not tell. */
  get allSync(): boolean {
    if (!this.#parts.watch.settled) return false;
    for (const { document, leftOut } of this.tables.values())
      if (document.state !== "SYNC" && !leftOut) return false;
    return true;
  }

  /** A table whose end is where its log begins may be behind it already: nothing may come that moves the frontier. */
  #begin(): void {
    this.#parts.loads.start();
    for (const table of this.tables.values()) if (table.early) this.#syncIfPassed(table);
  }

  #resize(): void {
    const { frontier } = this;
    const parts = {
      committer: this.#parts.committer,
      prepared: this.#prepared,
      frontier,
      sent: this.#parts.sent,
    };
    const work = this.#parts.reader.interrupt(() => resizeLanes(parts));
    work.catch(() => undefined); // the reader rejects with the same
  }

  #onFrontier(): void {
    this.#progressMs = this.#task.clock.monotonic();
    this.#parts.watch.onFrontier();
    this.#parts.loads.onFrontier();
    for (const table of this.tables.values()) if (table.early) this.#syncIfPassed(table);
  }

  /** SYNC once the frontier has passed the table's end position (I7). */
  #syncIfPassed(table: TableRuntime): void {
    const { state, end } = table.document;
    const { position } = this.frontier.durable;
    if (state === "SYNC" || end === null || !hasPassedEnd(table, position, this.#task.source))
      return;
    if (this.#parts.putOff.holds(table)) return;
    const loadedAtMs = table.document.loadedAtMs ?? this.#task.clock.now();
    const { givingUp } = table.document;
    const known = givingUp === true ? { givingUp: false } : {};
    table.update({ state: "SYNC", loadedAtMs, ...known });
    this.#parts.loads.onLoaded();
    const mark = { kind: "generation-end", position: end } as const;
    const marks = marksOf(this.#task.sink.capabilities, table, mark);
    this.#parts.state.write([table.stored], marks).then(
      () => this.#tellState(table),
      () => undefined, // the run has ended; the next one finds the table loaded
    );
  }

  #tellState(table: TableRuntime): void {
    this.#task.observer.event({ type: "table", table: table.id, state: table.document.state });
  }

  async #close(loops: readonly Promise<void>[]): Promise<void> {
    this.#abort.abort(new RunEnded("the run ended"));
    this.#parts.state.end(new RunEnded("the run ended"));
    this.#parts.reader.end(new RunEnded("the run ended"));
    await this.#log.close().catch(() => undefined);
    const settled = new AbortController();
    const grace = this.#task.clock.sleep(CLOSE_GRACE_MS, settled.signal).catch(() => undefined);
    await Promise.race([Promise.allSettled(loops), grace]);
    settled.abort();
    this.#parts.logBytes.close();
    this.#parts.chunkBytes.close();
  }
}
