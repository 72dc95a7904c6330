import { MillraceError } from "../errors/millrace-error.ts";
import { failpoint } from "../model/failpoint.ts";
import type { LogBatch } from "../model/change.ts";
import type { Position } from "../model/position.ts";
import type { SourceLog } from "../model/source.ts";
import type { TableShape } from "../model/table.ts";
import type { Barriers } from "./barriers.ts";
import { bytesBesideRows, openRows, splitAtEnd } from "./batch-ends.ts";
import { RestartNeeded } from "./committer.ts";
import type { ByteAccount } from "./byte-budget.ts";
import type { Feed } from "./feed.ts";
import type { Frontier } from "./frontier.ts";
import type { Lane } from "./lane.ts";
import type { LogRest } from "./log-rest.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { TableRuntime } from "./table-runtime.ts";
import { until } from "./until.ts";

interface LogReaderParts {
  readonly log: SourceLog;
  readonly feed: Feed;
  readonly lanes: readonly Lane[];
  readonly frontier: Frontier;
  readonly barriers: Barriers;
  readonly logBytes: ByteAccount;
  readonly readAhead: ReadAhead;
  readonly rest: Pick<LogRest, "wanted" | "over">;
  /** Source transactions of so many rows should stay whole at the sink; -1 where none need to. */
  readonly wholeRows: number;
  readonly signal: AbortSignal;
  readonly stopLoad: (table: TableRuntime) => Promise<void>;
  /** The load goes on, or begins anew, as the table's document says. */
  readonly startLoad: (table: TableRuntime) => void;
  /** The table of this shape is loaded anew, as soon as that can be. */
  readonly loadAgain: (shape: TableShape) => void;
  /** An earlier run has passed this position. */
  readonly passedBefore: (position: Position) => boolean;
  readonly running: () => Promise<void>;
  /** The task is paused right now. */
  readonly paused: () => boolean;
  /** The frontier may have moved without a commit. */
  readonly onFrontier: () => void;
}

/** Reads the log into the lanes, batch by batch, and lets others work while it stands still. */
export class LogReader {
  readonly #parts: LogReaderParts;
  #interrupts: { readonly work: () => Promise<void>; readonly done: PromiseWithResolvers<void> }[] =
    [];
  #waiting: PromiseWithResolvers<LogBatch | null> | null = null;
  #replayed: (() => void)[] = [];
  #ended: { readonly error: unknown } | null = null;
  /**
   * The lanes should not be drained before more has been read: rows of the transaction are bound to one another
   * (design/002), or one lane keeps it whole. Interrupts, a pause, a stop and a rest wait for its end.
   */
  #isMidway = false;
  /** A batch waits for its place, or is being given to the lanes: only behind it is known whether its transaction is open. */
  #isEntering = false;
  /** Rows that were read of the transaction that is open. */
  #openRows = 0;
  #atEnd: (() => void)[] = [];
  #moreComes = false;

  constructor(parts: LogReaderParts) {
    this.#parts = parts;
  }

  /** Reads until the signal aborts; rejects with what stops the run. */
  async run(): Promise<void> {
    const { signal, feed } = this.#parts;
    signal.addEventListener("abort", () => this.#waiting?.reject(signal.reason), { once: true });
    let pending: Promise<LogBatch> | null = null;
    /** What was split off the last batch. */
    let left: LogBatch | null = null;
    while (!signal.aborted) {
      if (!this.#isMidway) await until(signal, this.#parts.running());
      if (this.#mayServe) await this.#serve();
      if (pending === null) {
        pending = this.#next(left);
        left = null;
        pending.catch(() => undefined); // it may fail while nobody waits for it; then the run has ended or asks again
      }
      const batch = await this.#batchOrInterrupt(pending).catch((thrown: unknown) =>
        this.#endAt(thrown),
      );
      // A pause that came meanwhile holds what was read: it enters after the resume, behind whoever interrupts till then.
      if (batch === null || (this.#parts.paused() && !this.#isMidway)) continue;
      const split = this.#isWaitedFor && feed.splits(batch) ? splitAtEnd(batch) : null;
      pending = null;
      left = split?.rest ?? null;
      await this.#enter(split?.whole ?? batch, split !== null);
    }
  }

  /** What has come is made durable before the run ends with what somebody has to look at: a connection is only opened again. */
  async #endAt(thrown: unknown): Promise<never> {
    const isUnreadable = thrown instanceof MillraceError && thrown.code === "MR_MESSAGE_UNREADABLE";
    if (isUnreadable && !this.#isMidway) await this.drained();
    throw thrown;
  }

  /** What was left of a batch, or the next one; not while the log is to rest, but for the end of a transaction. */
  #next(left: LogBatch | null): Promise<LogBatch> {
    const { log, rest } = this.#parts;
    const read = () => (left === null ? log.next() : Promise.resolve(left));
    return !this.#isMidway && rest.wanted ? rest.over().then(read) : read();
  }

  /** Runs `work` between two batches, with all lanes drained and replay over. */
  interrupt(work: () => Promise<void>): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended.error);
    const done = Promise.withResolvers<void>();
    this.#interrupts.push({ work, done });
    if (!this.#isMidway) this.#waiting?.resolve(null);
    return done.promise;
  }

  /** A log that lags brings batch after batch, each of which may end within a transaction. */
  get #isWaitedFor(): boolean {
    const { paused, rest } = this.#parts;
    return this.#interrupts.length > 0 || this.#atEnd.length > 0 || paused() || rest.wanted;
  }

  /** What was read last is not the end of the log: the next batch needs no waiting for. */
  get moreComes(): boolean {
    return this.#moreComes;
  }

  get #mayServe(): boolean {
    return !this.#isMidway && !this.#parts.feed.replaying;
  }

  /** The run is over: nobody waits for ever. */
  end(error: unknown): void {
    this.#ended ??= { error };
    for (const { done } of this.#interrupts.splice(0)) done.reject(error);
  }

  /** Resolves once replay has passed every lane's checkpoint. */
  replayed(signal: AbortSignal): Promise<void> {
    if (!this.#parts.feed.replaying) return Promise.resolve();
    return until(signal, new Promise<void>((resolve) => this.#replayed.push(resolve)));
  }

  /** Resolves where no transaction is begun that should be read to its end before the lanes are drained. */
  transactionRead(): Promise<void> {
    if (!this.#isMidway && !this.#isEntering) return Promise.resolve();
    return until(this.#parts.signal, new Promise<void>((resolve) => this.#atEnd.push(resolve)));
  }

  /** Resolves when all that is in the lanes now is durable. Rows of other tables' chunks may come behind it. */
  async drained(): Promise<void> {
    const passed = this.#parts.lanes.map((lane) => lane.passedSoFar({ stands: true }));
    await until(this.#parts.signal, Promise.all(passed));
  }

  /**
   * Null when somebody interrupts first. By hand, not by Promise.race and a listener for each batch: those hang on to
   * one another and to the rows, and the collector, which found a quarter of all rows alive, took half of the time.
   */
  async #batchOrInterrupt(pending: Promise<LogBatch>): Promise<LogBatch | null> {
    this.#parts.signal.throwIfAborted();
    const waiting = Promise.withResolvers<LogBatch | null>();
    this.#waiting = waiting;
    pending.then(waiting.resolve, waiting.reject);
    try {
      // A batch that is here goes first: whoever interrupts again and again may wait for what the log brings.
      await Promise.resolve();
      if (this.#interrupts.length > 0 && this.#mayServe) waiting.resolve(null);
      return await waiting.promise;
    } finally {
      this.#waiting = null;
    }
  }

  async #serve(): Promise<void> {
    // Who comes meanwhile waits for a look at the log.
    for (let left = this.#interrupts.length; left > 0; left -= 1) {
      const next = this.#interrupts.shift();
      if (next === undefined) return;
      try {
        await this.drained();
        await next.work();
        next.done.resolve();
      } catch (thrown) {
        next.done.reject(thrown);
        throw thrown;
      }
      this.#parts.feed.forgetRoutes();
    }
  }

  /** `isWhole`: it is known to end with a transaction. */
  async #enter(batch: LogBatch, isWhole: boolean): Promise<void> {
    const { logBytes, feed, readAhead, signal } = this.#parts;
    this.#isEntering = true;
    // As long as it waits for its place nothing comes.
    this.#moreComes = false;
    if (batch.bytes > 0 && !readAhead.wanted) await readAhead.wait();
    if (batch.bytes > 0 && !logBytes.tryTake(batch.bytes)) await logBytes.take(batch.bytes, signal);
    this.#moreComes = batch.moreComes === true;
    const { items } = batch;
    let barriers = 0;
    for (let at = this.#enterChanges(items, 0); at < items.length;) {
      const item = items[at];
      const ends = at === items.length - 1 && (isWhole || !feed.splits(batch));
      if (item !== undefined && item.kind !== "change") await this.#barrier(item, ends);
      barriers++;
      at = this.#enterChanges(items, at + 1);
    }
    // Rows take theirs with them; barriers are over.
    if (barriers > 0) logBytes.give(bytesBesideRows(batch));
    this.#lookAtEnd(batch, isWhole);
    failpoint("reader.batch-entered");
    // The frontier never moves back while what it has passed is read again (I3).
    if (feed.reached(batch.position))
      this.#mark(batch.position, batch.acknowledge, batch.sourceTimeMs);
    if (this.#replayed.length > 0 && !feed.replaying) this.#tellReplayed();
    if (batch.found !== undefined) await this.#foundTables(batch.found);
  }

  #lookAtEnd(batch: LogBatch, isWhole: boolean): void {
    const { feed, wholeRows } = this.#parts;
    const isWithin = !isWhole && feed.splits(batch);
    this.#openRows = isWithin ? openRows(batch, this.#openRows) : 0;
    // Where more has come it is cut at the sink all the same, and nobody waits for the rest.
    this.#isMidway = isWithin && this.#openRows <= wholeRows;
    this.#isEntering = false;
    if (!this.#isMidway) for (const tell of this.#atEnd.splice(0)) tell();
  }

  /** Nothing behind them is read before they are captured (I1). */
  async #foundTables(found: readonly TableShape[]): Promise<never> {
    await this.drained();
    throw new RestartNeeded(`${found.map(({ id }) => id).join(", ")} came with the log`);
  }

  /** Hot: the changes from `at` on, up to the next barrier or the end, whose index it gives. */
  #enterChanges(items: LogBatch["items"], at: number): number {
    const { feed } = this.#parts;
    for (let i = at; i < items.length; i++) {
      const item = items[i];
      if (item?.kind !== "change") return i;
      feed.change(item);
    }
    return items.length;
  }

  #tellReplayed(): void {
    const waiting = this.#replayed;
    this.#replayed = [];
    for (const resolve of waiting) resolve();
  }

  #mark(position: Position, acknowledge: Position | null, sourceTimeMs: number | null): void {
    const mark = this.#parts.frontier.mark(
      position,
      acknowledge,
      sourceTimeMs,
      this.#parts.feed.takeEntered() === 0,
    );
    if (mark !== null) for (const lane of this.#parts.lanes) lane.push(mark);
    else {
      for (const lane of this.#parts.lanes) lane.look();
      this.#parts.onFrontier();
    }
  }

  /**
   * An earlier run has done it. Yet where columns are not proven this session leaves out what the log says of them, and
   * rows without key cannot be asked for one by one: the table is loaded again behind the replay (I1).
   */
  #again(item: Exclude<LogBatch["items"][number], { kind: "change" }>): void {
    if (item.kind !== "shape" || item.shape.key.length > 0) return;
    if (item.shape.columns.some((column) => column.unproven === true))
      this.#parts.loadAgain(item.shape);
  }

  async #barrier(
    item: Exclude<LogBatch["items"][number], { kind: "change" }>,
    endsTransaction: boolean,
  ): Promise<void> {
    this.#parts.feed.saw(item.transaction);
    if (this.#parts.passedBefore(item.position)) return this.#again(item);
    const stopped: TableRuntime[] = [];
    const standstill = async (table: TableRuntime): Promise<void> => {
      stopped.push(table);
      await this.#parts.stopLoad(table);
      await this.drained();
    };
    const passed = await this.#parts.barriers.pass(item, standstill, endsTransaction);
    this.#parts.feed.forgetRoutes();
    if (!passed) return;
    this.#mark(this.#parts.frontier.durable.position, null, null);
    for (const table of stopped) this.#parts.startLoad(table);
  }
}
